#include "redis/client_metrics.hpp"

#include <algorithm>
#include <string>

#include "base/ascii.hpp"
#include "redis/server_error.hpp"

namespace redis {
namespace {

constexpr std::array bounds_seconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                    0.01,   0.025,   0.05,   0.1,   0.25,   1.0};

std::size_t result_of(const base::failure* failure) {
    if (failure == nullptr) return 0;
    if (failure->cause == failure_cause::rejected) return 1;
    return failure->code == base::errc::timed_out ? 2 : 3;
}

}  // namespace

client_metrics::client_metrics(obs::registry& registry)
    : connects(registry.make_counter("dbaas_redis_connects_total",
                                     "Connections to Redis servers, including reconnects.")),
      connect_failures(registry.make_counter("dbaas_redis_connect_failures_total",
                                             "Failed attempts to connect to a Redis server.")),
      disconnects(registry.make_counter("dbaas_redis_disconnects_total",
                                        "Connections to Redis servers that ended.")),
      redirections(registry.make_counter("dbaas_redis_redirections_total",
                                         "MOVED and ASK responses of a Redis Cluster.")),
      repeats(registry.make_counter("dbaas_redis_repeated_commands_total",
                                    "Commands that were sent again.")),
      messages(registry.make_counter("dbaas_redis_messages_received_total",
                                     "Messages received from the bus.")),
      connected(registry.make_gauge("dbaas_redis_connected",
                                    "1 while the Redis client can run commands.")),
      connections(
          registry.make_gauge("dbaas_redis_connections",
                              "Open connections to Redis servers, with those of subscriptions.")),
      in_flight(registry.make_gauge("dbaas_redis_commands_in_flight",
                                    "Redis commands without a response.")) {
    for (std::size_t command = 0; command < commands.size(); ++command) {
        for (std::size_t result = 0; result < results.size(); ++result) {
            durations_[command][result] = &registry.make_histogram(
                "dbaas_redis_command_duration_seconds",
                "Duration of Redis commands by command and result, with redirections.",
                bounds_seconds,
                {{"command", std::string(commands[command])},
                 {"result", std::string(results[result])}});
        }
    }
}

void client_metrics::count_command(std::string_view command, const base::failure* failure,
                                   std::chrono::nanoseconds duration) {
    auto word = base::lower(command);
    if (word == "spublish") word = "publish";
    const auto* const it = std::ranges::find(commands, word);
    const auto index = it == commands.end() ? commands.size() - 1
                                            : static_cast<std::size_t>(it - commands.begin());
    durations_[index][result_of(failure)]->observe(std::chrono::duration<double>(duration).count());
}

}  // namespace redis
