#pragma once
// A clock that moves only when a test advances it. Any thread.

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace fakes {

class manual_clock final : public base::clock {
  public:
    // Monotonic time starts at 1 h so that tests can subtract. UTC starts at 2025-11-24T14:30:00Z.
    [[nodiscard]] base::steady_time now() const noexcept override {
        return base::steady_time(std::chrono::hours(1)) + elapsed_.load();
    }
    [[nodiscard]] base::instant utc_now() const noexcept override {
        return base::instant(std::chrono::seconds(1'763'994'600)) + elapsed_.load();
    }
    // Wakes the sleepers that are due.
    void advance(std::chrono::microseconds duration) {
        elapsed_.store(elapsed_.load() + duration);
        wake_due();
    }
    // From now on a sleep moves the clock to its end instead of waiting for advance().
    void skip_sleeps() { skips_sleeps_.store(true); }
    // Returns the number of sleeps that wait for advance(), cancelled ones included.
    [[nodiscard]] std::size_t sleepers() const {
        const std::lock_guard lock(mutex_);
        return sleepers_.size();
    }

    bool call_at(base::steady_time time, std::function<void()> wake) const override {
        {
            const std::lock_guard lock(mutex_);
            sleepers_.emplace_back(time, std::move(wake));
        }
        if (skips_sleeps_.load() && time > now()) {
            elapsed_.store(std::chrono::ceil<std::chrono::microseconds>(
                time - base::steady_time(std::chrono::hours(1))));
        }
        wake_due();
        return true;
    }

  private:
    using sleeper = std::pair<base::steady_time, std::function<void()>>;

    void wake_due() const {
        std::vector<sleeper> due;
        {
            const std::lock_guard lock(mutex_);
            const auto time = now();
            std::erase_if(sleepers_, [&](sleeper& each) {
                if (each.first > time) return false;
                due.push_back(std::move(each));
                return true;
            });
        }
        for (const auto& each : due) each.second();
    }

    mutable std::atomic<std::chrono::microseconds> elapsed_{std::chrono::microseconds(0)};
    std::atomic<bool> skips_sleeps_{false};
    mutable std::mutex mutex_;
    mutable std::vector<sleeper> sleepers_;
};

}  // namespace fakes
