#pragma once
// Repeats a start step while the store does not respond. A platform may start during a failover of
// MongoDB, or together with it.

#include <chrono>
#include <functional>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "obs/log.hpp"

class start_retry {
  public:
    // Blocks for the duration. Returns false if the start must end, for example after SIGTERM.
    using pause = std::function<bool(std::chrono::milliseconds)>;

    // Steps are repeated until `timeout` after the construction; 0 = one attempt.
    start_retry(const base::clock& clock, obs::log& log, std::chrono::seconds timeout, pause wait);

    // Runs the step, and repeats it after `unavailable`: after 0.5 s, then twice as long up to 4 s.
    // The step must be repeatable. Logs `mongodb_start_retry` before each repetition. Errors: those
    // of the step; after the timeout, the one of its last attempt. Thread: the main thread.
    base::outcome<void> run(const std::function<base::outcome<void>()>& step);

  private:
    obs::log& log_;
    const base::clock& clock_;
    const base::steady_time deadline_;
    const pause wait_;
};
