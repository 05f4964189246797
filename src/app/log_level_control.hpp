#pragma once
// Changes the log levels while the platform runs: the configured ones, and others until they
// expire. A change by a client reaches the other replicas over the bus, and a lost message changes
// nothing. Lives on the control loop, except levels().

#include <functional>
#include <optional>
#include <string>

#include "aio/aio.hpp"
#include "app/bus_channel.hpp"
#include "app/log_level_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "obs/log.hpp"
#include "obs/log_levels.hpp"

namespace app {

class log_level_control final : public log_level_commands {
  public:
    struct deps {
        aio::executor executor;
        ports::bus* bus = nullptr;  // nullptr: changes apply to this process alone
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
        // Puts levels into use. May be null.
        std::function<void(const obs::log_levels&)> apply;
    };
    // `configured` levels are in use already. `replica` is the name of this process.
    log_level_control(deps deps, const obs::log_levels& configured, std::string replica);

    aio::task<log_level_state> change_levels(log_level_request wanted, caller client) override;
    [[nodiscard]] std::shared_ptr<const log_level_state> levels() const override {
        return state_.load();
    }
    // Replaces the configured levels. Levels of change_levels() stay in use until they expire.
    void configure(const obs::log_levels& configured);
    // Receives changes of other replicas, and restores the configured levels at the expiry. Runs
    // until cancelled. Errors: cancelled.
    aio::task<> run();

  private:
    struct override_levels {
        obs::log_levels levels;
        base::steady_time expires_at;
        base::instant shown_expiry;
    };
    void use(const obs::log_levels& levels, std::chrono::seconds duration);
    void restore();
    void publish_state();
    void receive(const std::string& message);
    // Returns whether the other replicas were sent the change.
    boost::asio::awaitable<bool> send(std::string text, std::chrono::seconds duration);

    deps deps_;
    obs::log_levels configured_;
    std::string replica_;
    std::optional<override_levels> override_;
    std::optional<bus_channel> channel_;
    aio::notification changed_;
    base::atomic_shared_ptr<const log_level_state> state_;
};

}  // namespace app
