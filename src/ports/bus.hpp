#pragma once
// Small messages between the replicas of the platform ("database db-x changed"). At most once; a
// listener that missed some catches up from the store. Contract suite:
// test/support/bus_contract.hpp.

#include <functional>
#include <memory>
#include <string>

#include "aio/task.hpp"

namespace ports {

class bus {
  public:
    // Unsubscribes when it dies.
    class subscription {
      public:
        virtual ~subscription() = default;
    };
    bus() = default;
    bus(const bus&) = delete;
    bus& operator=(const bus&) = delete;
    virtual ~bus() = default;

    // Failures: limit (over 64 KiB), unavailable.
    virtual aio::task<void> publish(std::string channel, std::string message) = 0;
    // `listener` runs on the loop of the bus, never inside publish(); it must not block.
    [[nodiscard]] virtual std::unique_ptr<subscription> subscribe(
        std::string channel, std::function<void(const std::string& message)> listener) = 0;
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
};

}  // namespace ports
