#pragma once
// The only wrapper of Asio outside of the http module: loops, time, task groups, blocking work.
// README.md gives an overview. Unless a comment says otherwise, a function must be called on the
// loop whose executor the awaiting coroutine runs on.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "base/failure.hpp"

namespace aio {

using executor = boost::asio::any_io_executor;

// An event loop for one thread. Owns an io_context. run() blocks the calling thread until stop() or
// until no work is left.
class loop {
  public:
    loop();
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    [[nodiscard]] aio::executor executor();
    void run();
    // Runs the ready handlers without waiting. Returns their number. For tests.
    std::size_t poll();
    // Keeps run() from returning without work, until release(). Thread: any.
    void keep_alive();
    void release();
    // Makes run() return immediately and abandons its work: the last resort of a shutdown.
    // Thread: any.
    void stop();
    // Enqueues `work` on the loop. Thread: any.
    void post(std::move_only_function<void()> work);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Enqueues `work` on the loop of `executor`. Thread: any.
void post(const aio::executor& executor, std::move_only_function<void()> work);

// Returns the executor of the calling coroutine.
boost::asio::awaitable<aio::executor> this_executor();

// Lets the other ready handlers of the loop run first. Long work on a loop calls this between
// parts.
boost::asio::awaitable<void> yield();

// Returns true if the calling coroutine has been cancelled. Every wait checks this first, because a
// cancellation between two operations has no operation to interrupt.
boost::asio::awaitable<bool> is_cancelled();

// Waits. Errors: cancelled.
task<> sleep_for(std::chrono::nanoseconds duration);
task<> sleep_until(base::steady_time end);
// Waits until clock.now() has reached `end`. A simulated clock drives the wait. The clock must
// outlive the task. Errors: cancelled.
task<> sleep_until(const base::clock& clock, base::steady_time end);
task<> sleep_for(const base::clock& clock, std::chrono::nanoseconds duration);
// Waits until the calling coroutine is cancelled. Errors: cancelled (always).
task<> until_cancelled();

// Returns the result of `work`. Cancels `work` at `deadline`, awaits its end and fails with
// timed_out. `work` must end when it is cancelled; all Asio operations do.
template <class T>
task<T> with_deadline(base::steady_time deadline, task<T> work);  // aio/deadline.hpp

// Waits until a file descriptor is readable, for example a pidfd after its process has ended. The
// caller keeps ownership of the descriptor. Errors: cancelled, invalid (the descriptor cannot be
// polled).
task<> wait_readable(int descriptor);

// Long-lived child coroutines with one owner. The owner must call cancel() and await join() before
// it destroys the group; the destructor asserts that no child is left. Thread: one loop.
class task_group {
  public:
    explicit task_group(aio::executor executor);
    ~task_group();
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    // Starts `work` on the loop of the group. Returns false, without a start, after close() or
    // cancel(). Reports a failure other than cancelled to the handler of on_failure(). The group
    // keeps a lambda alive until its coroutine ends if the lambda is passed uncalled, so that its
    // captures stay valid.
    bool spawn(task<> work);
    bool spawn(std::move_only_function<task<>()> start);
    void on_failure(std::function<void(const base::failure&)> handler);
    void close();   // rejects new children
    void cancel();  // closes the group and cancels every child
    task<> join();  // waits until no child is left
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    struct state;
    std::shared_ptr<state> state_;
};

// An edge-triggered signal. wait() returns after the next notify(), or immediately if there was a
// notify() since the last wait. Several notifications merge into one. One waiter; one loop.
class notification {
  public:
    // `clock` measures the timeouts of the waits and outlives the notification.
    explicit notification(aio::executor executor, const base::clock& clock = base::system_clock());
    ~notification();
    void notify();
    // Errors of all waits: cancelled.
    task<> wait();
    // Returns true after a notification, false at `end`.
    task<bool> wait_until(base::steady_time end);
    task<bool> wait_for(std::chrono::nanoseconds duration);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Threads for blocking calls: SQLite, password hashing, file reads. The queue is bounded.
class blocking_pool {
  public:
    blocking_pool(std::size_t threads, std::size_t queue_max);
    ~blocking_pool();  // finishes the accepted work
    // Enqueues `work`. Returns false if the queue is full or the pool is stopping. Thread: any.
    bool submit(std::move_only_function<void()> work);
    [[nodiscard]] std::size_t queued() const noexcept;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Runs `work` on the pool and returns its result on the caller's loop. Ignores cancellation once
// `work` is queued. Errors: those of `work`, limit (the queue is full), internal (`work` threw an
// exception).
template <class T>
task<T> run_blocking(blocking_pool& pool,
                     std::move_only_function<base::outcome<T>()> work);  // aio/blocking.hpp

// Runs `work` on the loop of `executor` and returns its result on the caller's loop. Does not
// propagate cancellation.
template <class T>
task<T> run_on(aio::executor executor, std::move_only_function<task<T>()> work);  // aio/run_on.hpp

// Calls `step` periodically until cancelled: first after `first_delay`, then `period` after the
// start of the previous step. Steps never overlap; a step longer than `period` delays the next one
// and causes no burst. Reports a failed step to on_failure and continues.
struct periodic_options {
    std::chrono::nanoseconds period{};
    std::chrono::nanoseconds first_delay{};
    std::function<void(const base::failure&)> on_failure{};
    const base::clock* clock = &base::system_clock();
};
task<> periodic(periodic_options options, std::move_only_function<task<>()> step);

// Delays between retries: `first`, then multiplied by `factor` up to `max`. Each delay is extended
// by a random share of at most `jitter` (0 to 1) of its length. Deterministic for a given seed.
class backoff {
  public:
    struct options {
        std::chrono::milliseconds first{800};
        std::chrono::milliseconds max{30000};
        double factor = 2.0;
        double jitter = 1.0;
    };
    backoff(options options, std::uint64_t seed);
    std::chrono::milliseconds next();
    void reset();
    [[nodiscard]] int attempts() const noexcept;

  private:
    options options_;
    std::uint64_t random_;
    double current_ms_;
    int attempts_ = 0;
};

// Runs one task on a new loop on this thread, and returns its result. For tests and small programs.
template <class T>
base::outcome<T> block_on(task<T> work);  // aio/block_on.hpp

}  // namespace aio
