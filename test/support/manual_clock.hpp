#pragma once
// A clock that moves only when a test advances it. Any thread.

#include <atomic>
#include <chrono>

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
    void advance(std::chrono::microseconds duration) noexcept {
        elapsed_.store(elapsed_.load() + duration);
    }

  private:
    std::atomic<std::chrono::microseconds> elapsed_{std::chrono::microseconds(0)};
};

}  // namespace fakes
