#pragma once
// The attempts of one command: decides after each response or lost connection whether, where and
// when the command is sent again. No I/O, no clock; the caller's deadline bounds the waits. One
// object per command.

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/failure.hpp"
#include "redis/redis_url.hpp"
#include "redis/resp.hpp"
#include "redis/server_error.hpp"

namespace redis {

// Whether a command may run twice.
enum class repeatability : std::uint8_t {
    repeatable,      // a second run has the same effect and response: GET, SET, DEL
    not_repeatable,  // SET NX, PUBLISH
};

struct attempt {
    std::chrono::milliseconds delay{0};  // before the command is sent
    std::optional<endpoint> target{};    // nullopt: the server that the topology names
    bool is_asking = false;              // ASKING precedes the command
    bool refreshes_topology = false;     // the topology is read again
};

class command_attempts {
  public:
    static constexpr int attempts_max = 24;
    static constexpr std::chrono::milliseconds delay_first{10};
    static constexpr std::chrono::milliseconds delay_max{500};

    explicit command_attempts(repeatability safety) : safety_(safety) {}

    // Returns the next attempt after an error response. A server that returns one of the errors
    // MOVED, ASK, TRYAGAIN, CLUSTERDOWN, LOADING, READONLY, MASTERDOWN or NOREPLICAS has not run
    // the command. Errors: those of to_failure(); unavailable after attempts_max attempts.
    base::outcome<attempt> after_error(const resp_value& error, const endpoint& source);
    // Returns the next attempt after the connection failed. Errors: `failure` if the command may
    // have run and is not repeatable, with the cause unconfirmed_write; after attempts_max
    // attempts; if its code is denied, invalid or cancelled.
    base::outcome<attempt> after_failure(base::failure failure, bool was_sent);
    [[nodiscard]] int redirections() const noexcept { return redirections_; }

  private:
    std::chrono::milliseconds next_delay();

    repeatability safety_;
    std::chrono::milliseconds delay_ = delay_first;
    attempt last_;
    int attempts_ = 1;
    int redirections_ = 0;
};

}  // namespace redis
