#pragma once
// Ends a start of the program after SIGTERM or SIGINT, also if the start blocks, for example in a
// search for the primary of MongoDB. Its own thread waits for the signals. The start ends itself
// between two steps; if it does not do so within a grace, the guard calls `on_expired`. Created
// after process_signals. Thread: main, except where a function names another one.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/failure.hpp"

class start_guard {
  public:
    struct callbacks {
        // Receives the first signal and the step during which it arrived.
        std::function<void(int signal, const char* step)> on_signal;
        // Runs `grace` after the first signal, or at a second one. It must end the process, because
        // the main thread is blocked; a test records the call.
        std::function<void(int signal, const char* step)> on_expired;
    };

    // The callbacks run on the thread of the guard.
    start_guard(std::chrono::milliseconds grace, callbacks notify);
    // Waits for a callback that runs.
    ~start_guard();
    start_guard(const start_guard&) = delete;
    start_guard& operator=(const start_guard&) = delete;

    // Begins a step of the start; `step` is a constant. Errors: cancelled (a signal has arrived).
    base::outcome<void> enter(const char* step);
    // Blocks for the duration. Returns false at once if a signal arrives or has arrived.
    bool sleep(std::chrono::milliseconds duration);
    // Ends the guard because the start is complete. A signal that it has received is sent to the
    // process again, so that process_signals::wait() returns it.
    void complete();

  private:
    void run();
    // Returns the next signal, or 0 if the guard ends or `end` passes first.
    int next_signal(std::chrono::steady_clock::time_point end) const;
    void stop();

    const std::chrono::milliseconds grace_;
    const callbacks notify_;
    std::atomic<const char*> step_{"start"};
    std::mutex mutex_;
    std::condition_variable arrived_;
    int signal_ = 0;         // guarded by mutex_
    int signals_file_ = -1;  // a signalfd
    int stop_file_ = -1;     // an eventfd
    std::thread thread_;
};
