#pragma once
// Small messages between the replicas of the platform, delivered at most once. A message is opaque
// and may batch several changes. A subscriber that missed messages reads the changes from the
// document store. Adapters: inproc (one process), redis. Contract suite:
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
    struct subscriber {
        // Receives each message on the loop of the bus, never inside publish(). Must not block.
        std::function<void(const std::string& message)> on_message;
        // Called when the subscription begins, never inside subscribe(), and again after each
        // interruption: messages that were published before the call may be lost. May be null.
        std::function<void()> on_resumed{};
    };
    bus() = default;
    bus(const bus&) = delete;
    bus& operator=(const bus&) = delete;
    virtual ~bus() = default;

    // Sends the message to all subscribers of the channel. Errors: limit (over 64 KiB),
    // unavailable, timed_out.
    virtual aio::task<void> publish(std::string channel, std::string message) = 0;
    // The subscription begins later and survives interruptions of the adapter.
    [[nodiscard]] virtual std::unique_ptr<subscription> subscribe(std::string channel,
                                                                  subscriber target) = 0;
    // Returns whether messages can be sent, and every subscription receives them.
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
};

}  // namespace ports
