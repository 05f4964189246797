#pragma once
// Time as a value passed in: loops and rules ask a clock&, tests give them testing::manual_clock.
// Both clocks of the interface may be asked on every thread.

#include <chrono>

namespace base {

using steady_time = std::chrono::steady_clock::time_point;
// Wall time, UTC, microseconds: what is stored and shown.
using instant = std::chrono::sys_time<std::chrono::microseconds>;

class clock {
  public:
    virtual ~clock() = default;
    clock() = default;
    clock(const clock&) = delete;
    clock& operator=(const clock&) = delete;
    [[nodiscard]] virtual steady_time now() const noexcept = 0;  // for deadlines and ages
    [[nodiscard]] virtual instant utc_now() const noexcept = 0;  // for people and documents
};

// The machine's clocks; lives for the whole program.
const clock& system_clock() noexcept;

}  // namespace base
