#pragma once
// The metrics of the Redis client. Counted by redis_client on its loop.

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/failure.hpp"
#include "obs/metrics.hpp"

namespace redis {

struct client_metrics {
    explicit client_metrics(obs::registry& registry);

    // Counts one command by its first word and its result. Unknown commands are "other".
    void count_command(std::string_view command, const base::failure* failure,
                       std::chrono::nanoseconds duration);

    obs::counter& connects;
    obs::counter& connect_failures;
    obs::counter& disconnects;
    obs::counter& redirections;
    obs::counter& repeats;
    obs::counter& messages;
    obs::gauge& connected;
    obs::gauge& connections;
    obs::gauge& in_flight;

    static constexpr std::array<std::string_view, 8> commands{
        "get", "mget", "set", "del", "ping", "publish", "evalsha", "other"};
    static constexpr std::array<std::string_view, 4> results{"success", "rejected", "timed_out",
                                                             "unavailable"};

  private:
    std::array<std::array<obs::histogram*, results.size()>, commands.size()> durations_{};
};

}  // namespace redis
