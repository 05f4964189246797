#pragma once
// The log levels of the platform, as the api module uses them.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/commands.hpp"
#include "base/clock.hpp"
#include "base/failure.hpp"

namespace app {

// A request for other levels, as the client sent it.
struct log_level_request {
    std::optional<std::string> log_level;
    bool restores_configured = false;      // log_level is null
    std::optional<std::int64_t> duration;  // seconds
    std::vector<base::field_error> unread;
};

struct log_level_state {
    std::string log_level;                      // in use
    std::string configured;                     // of the option, in use after `expires_at`
    std::optional<base::instant> expires_at{};  // nothing: the configured levels are in use
    std::string replica;
    bool is_shared = false;  // a change applies to every replica, not to this one alone
};

class log_level_commands {
  public:
    virtual ~log_level_commands() = default;
    // Puts other levels into use until they expire, or the configured ones. Sends them to the other
    // replicas if there is a bus; a replica that is not connected keeps its levels. Errors: invalid
    // (fields). Thread: the control loop.
    virtual aio::task<log_level_state> change_levels(log_level_request wanted, caller client) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const log_level_state> levels() const = 0;

    static constexpr std::chrono::seconds duration_default{900};
    static constexpr std::chrono::seconds duration_max{86'400};
};

}  // namespace app
