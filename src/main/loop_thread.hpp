#pragma once
// A loop with a thread: the control loop, which owns all state except the HTTP connections and the
// scrapes, and the scrape loop. Owned by the process; outlives every object of the loop. Thread:
// main.

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "aio/aio.hpp"

class loop_thread {
  public:
    loop_thread() {
        loop_.keep_alive();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~loop_thread() { stop(); }
    // Stops the loop and its thread, after the end of the tasks whose result run() has returned.
    // The loop object stays valid, so that timers and sockets of the loop can be destroyed.
    void stop();
    aio::loop& loop() noexcept { return loop_; }

    // Runs a task on the loop and returns its result, or nullopt if `deadline` passes first.
    std::optional<base::outcome<void>> run(std::move_only_function<aio::task<>()> start,
                                           base::steady_time deadline = base::steady_time::max());
    // Runs a task on the loop and returns its result. Errors: those of the task, timed_out (the
    // loop did not respond).
    base::outcome<void> run_within(std::chrono::seconds timeout,
                                   std::move_only_function<aio::task<>()> start);

  private:
    // Stops the loop when no task is left, or at `end`. Thread: the loop.
    void stop_when_idle(base::steady_time end);

    aio::loop loop_;
    std::optional<aio::task_group> tasks_;
    std::thread thread_;
};
