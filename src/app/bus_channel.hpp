#pragma once
// A channel of the bus, with its metrics. A replica receives its own messages too, so that one
// clock measures their delay. Lives on the control loop.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "app/app_metrics.hpp"
#include "base/clock.hpp"
#include "ports/bus.hpp"

namespace app {

class bus_channel {
  public:
    bus_channel(ports::bus& bus, std::string name, const base::clock& clock, probe& metrics);

    // Passes each message to the target, also those of publish(). Replaces an earlier target. The
    // target must live until unsubscribe() or the destructor.
    void subscribe(ports::bus::subscriber target);
    void unsubscribe() { subscription_.reset(); }
    // Errors: those of ports::bus.
    aio::task<> publish(std::string message);
    [[nodiscard]] bool is_connected() const noexcept { return bus_.is_connected(); }

  private:
    struct sent_message {
        std::uint64_t hash = 0;
        base::steady_time when;
    };
    void receive(const std::string& message);

    ports::bus& bus_;
    std::string name_;
    const base::clock& clock_;
    probe& metrics_;
    std::deque<sent_message> pending_;  // and not received yet
    ports::bus::subscriber target_;
    std::unique_ptr<ports::bus::subscription> subscription_;
};

}  // namespace app
