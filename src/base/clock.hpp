#pragma once
// The source of time. Loops and rules read a clock& that is passed in; tests pass
// fakes::manual_clock. Thread-safe.

#include <chrono>
#include <functional>

namespace base {

using steady_time = std::chrono::steady_clock::time_point;
// UTC wall time in microseconds, as stored in documents and shown to people.
using instant = std::chrono::sys_time<std::chrono::microseconds>;

class clock {
  public:
    virtual ~clock() = default;
    clock() = default;
    clock(const clock&) = delete;
    clock& operator=(const clock&) = delete;
    [[nodiscard]] virtual steady_time now() const noexcept = 0;  // for deadlines and ages
    [[nodiscard]] virtual instant utc_now() const noexcept = 0;  // for people and documents
    // Simulated clocks: calls `wake` once, on any thread, when now() has reached `time`, and
    // returns true. The clock of the machine returns false, because a timer of the caller's loop
    // serves. Used by aio::sleep_until().
    virtual bool call_at(steady_time time, std::function<void()> wake) const;
};

// Returns the clocks of the machine. The object lives until the program ends.
const clock& system_clock() noexcept;

}  // namespace base
