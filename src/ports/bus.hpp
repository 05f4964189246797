#pragma once
// Small messages between the replicas of the platform, delivered at most once. A message is opaque
// and may batch several changes. A listener that missed messages reads the changes from the
// document store. Adapter: inproc (one process); Redis is planned. Contract suite:
// test/support/bus_contract.hpp. Thread: the loop that the adapter was created with.

#include <functional>
#include <memory>
#include <string>

#include "aio/task.hpp"

namespace ports {

class bus {
  public:
    // The destructor unsubscribes.
    class subscription {
      public:
        virtual ~subscription() = default;
    };
    bus() = default;
    bus(const bus&) = delete;
    bus& operator=(const bus&) = delete;
    virtual ~bus() = default;

    // Sends the message to all subscribers of the channel. Errors: limit (over 64 KiB),
    // unavailable.
    virtual aio::task<void> publish(std::string channel, std::string message) = 0;
    // Calls `listener` for each message on the loop of the bus, never inside publish(). The
    // listener must not block.
    [[nodiscard]] virtual std::unique_ptr<subscription> subscribe(
        std::string channel, std::function<void(const std::string& message)> listener) = 0;
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
};

}  // namespace ports
