#pragma once
// The only wrapper of Asio outside of the http module: loops, time, groups of tasks, blocking work.
// See README.md for how the pieces fit. Unless it says otherwise a function here must be called on
// the loop whose executor the awaiting coroutine runs on.

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

// One thread's worth of event loop. Owns an io_context; run() blocks the calling thread until
// stop() or nothing is left.
class loop {
  public:
    loop();
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    [[nodiscard]] aio::executor executor();
    void run();
    // Runs what is ready without waiting; the number of handlers run. For tests.
    std::size_t poll();
    // Keeps run() from returning while it has nothing to do, until release() (any thread).
    void keep_alive();
    void release();
    // Leaves run() at once, work or not: the last resort of a shutdown. Any thread.
    void stop();
    // Runs `work` on the loop soon. Any thread.
    void post(std::move_only_function<void()> work);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Runs `work` on `on` soon. Any thread.
void post(const aio::executor& on, std::move_only_function<void()> work);

// The executor that the calling coroutine runs on.
boost::asio::awaitable<aio::executor> this_executor();

// Whether the calling coroutine has been told to end. Asked before each wait: a cancellation that
// comes between two operations finds none to end.
boost::asio::awaitable<bool> is_cancelled();

// Waits. Failures: cancelled.
task<> sleep_for(std::chrono::nanoseconds duration);
task<> sleep_until(base::steady_time when);

// Gives `work` until `when`; past it `work` is cancelled, its end awaited, and the failure is
// timed_out. `work` must honour cancellation (everything of Asio does).
template <class T>
task<T> with_deadline(base::steady_time when, task<T> work);  // aio/deadline.hpp

// Waits until a file descriptor is readable: a pidfd whose process has ended, an event. The
// descriptor stays the caller's. Failures: cancelled, invalid (not one that can be waited for).
task<> wait_readable(int descriptor);

// Long-lived children with one owner. The owner calls cancel() and awaits join() before it dies;
// the destructor asserts that nobody is inside. Not thread-safe: one loop.
class task_group {
  public:
    explicit task_group(aio::executor on);
    ~task_group();
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    // Starts `work` on the group's loop. A failure other than cancelled is given to on_failure (may
    // be null). After close() or cancel() the work is not started and false comes back. A lambda
    // coroutine with captures is kept alive until its coroutine ends when it is handed over as a
    // function.
    bool spawn(task<> work);
    bool spawn(std::move_only_function<task<>()> start);
    void on_failure(std::function<void(const base::failure&)> handler);
    void close();   // no new children
    void cancel();  // close() and ask every child to end
    task<> join();  // until no child is left
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    struct state;
    std::shared_ptr<state> state_;
};

// "Something has changed": wait() returns after the next notify(), or at once when one came since
// the last wait. Many notifications merge into one. Single waiter, one loop.
class notification {
  public:
    explicit notification(aio::executor on);
    ~notification();
    void notify();
    task<> wait();                                  // failures: cancelled
    task<bool> wait_until(base::steady_time when);  // false: the time came first
    // The same for a duration; for loops whose clock is not the machine's.
    task<bool> wait_for(std::chrono::nanoseconds duration);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Threads for what blocks: SQLite, password hashing, file reads. Bounded queue.
class blocking_pool {
  public:
    blocking_pool(std::size_t threads, std::size_t queue_max);
    ~blocking_pool();  // finishes what was accepted
    // False when the queue is full or the pool is stopping. Any thread.
    bool submit(std::move_only_function<void()> work);
    [[nodiscard]] std::size_t queued() const noexcept;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Runs `work` on the pool and continues on the caller's loop with its result. Not cancellable once
// started. Failures: what `work` returns; limit when the queue is full. An exception out of `work`
// is a failure internal.
template <class T>
task<T> run_blocking(blocking_pool& pool,
                     std::move_only_function<base::outcome<T>()> work);  // aio/blocking.hpp

// Awaits `work` on another loop (given by its executor) and continues on the caller's. Cancellation
// is not carried over.
template <class T>
task<T> run_on(aio::executor other, std::move_only_function<task<T>()> work);  // aio/run_on.hpp

// Calls `step` again and again: first after `first_delay`, then `period` after the step before
// began (never two at once; an overlong step moves the next one, no burst). Ends when cancelled. A
// failed step is reported to on_failure and tried again at the next turn.
struct periodic_options {
    std::chrono::nanoseconds period{};
    std::chrono::nanoseconds first_delay{};
    std::function<void(const base::failure&)> on_failure{};
};
task<> periodic(periodic_options options, std::move_only_function<task<>()> step);

// Waits between retries: first, doubled each time up to most, each with full jitter of `jitter`
// (0..1) on top. Pure but for the random source given by seed.
class backoff {
  public:
    struct options {
        std::chrono::milliseconds first{800};
        std::chrono::milliseconds max{30000};
        double factor = 2.0;
        double jitter = 1.0;
    };
    backoff(options how, std::uint64_t seed);
    std::chrono::milliseconds next();
    void reset();
    [[nodiscard]] int attempts() const noexcept;

  private:
    options options_;
    std::uint64_t random_;
    double current_ms_;
    int attempts_ = 0;
};

// Runs one task to its end on a loop of its own, on this thread. For tests and small programs.
template <class T>
base::outcome<T> block_on(task<T> work);  // aio/block_on.hpp

}  // namespace aio
