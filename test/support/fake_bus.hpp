#pragma once
// A bus between objects of one test. Messages wait until the test delivers or drops them.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/failure.hpp"
#include "ports/bus.hpp"

namespace fakes {

class fake_bus final : public ports::bus {
  public:
    aio::task<void> publish(std::string channel, std::string message) override {
        if (!is_up) co_return base::fail(base::errc::unavailable, "the bus is down");
        messages.emplace_back(std::move(channel), std::move(message));
        co_return base::ok();
    }
    std::unique_ptr<subscription> subscribe(std::string channel, subscriber target) override {
        const auto number = next_number_++;
        subscribers_[number] = {std::move(channel), std::move(target)};
        return std::make_unique<subscription_of>(*this, number);
    }
    [[nodiscard]] bool is_connected() const noexcept override { return is_up; }

    void deliver(const std::string& channel, const std::string& message) {
        for (const auto& [number, entry] : subscribers_) {
            if (entry.first == channel) entry.second.on_message(message);
        }
    }
    void deliver_all() {
        while (!messages.empty()) {
            const auto [channel, message] = std::move(messages.front());
            messages.pop_front();
            deliver(channel, message);
        }
    }
    // Reports an interruption to all subscribers.
    void resume() {
        for (const auto& [number, entry] : subscribers_) {
            if (entry.second.on_resumed) entry.second.on_resumed();
        }
    }

    bool is_up = true;
    std::deque<std::pair<std::string, std::string>> messages;  // channel and text

  private:
    class subscription_of final : public subscription {
      public:
        subscription_of(fake_bus& bus, int number) : bus_(bus), number_(number) {}
        ~subscription_of() override { bus_.subscribers_.erase(number_); }

      private:
        fake_bus& bus_;
        int number_;
    };
    std::map<int, std::pair<std::string, subscriber>> subscribers_;
    int next_number_ = 0;
};

}  // namespace fakes
