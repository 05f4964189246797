#pragma once
// The parts of aio's templates that do not depend on a type, so that users of the templates do not
// compile Asio. Private to aio.

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace aio::detail {

// Runs `work` to its end and cancels it at `deadline`. Returns true if the deadline came first.
boost::asio::awaitable<bool> race_with_time(base::steady_time deadline, task<> work);
// Runs `work` on the pool. Returns false if the pool rejected it.
boost::asio::awaitable<bool> on_pool(blocking_pool& pool, std::move_only_function<void()> work);
// Runs `start()` on the loop of `target` and waits for its end.
boost::asio::awaitable<void> on_executor(aio::executor target,
                                         std::move_only_function<task<>()> start);
// An event that any thread sets once. wait() runs on the loop of `executor` and ignores
// cancellation.
class remote_event {
  public:
    explicit remote_event(aio::executor executor);
    void set();
    boost::asio::awaitable<void> wait();

  private:
    struct state;
    std::shared_ptr<state> state_;
};
void run_until_done(task<> work);
base::failure failure_of_current_exception() noexcept;

// Runs the task that `start` returns. Stores its result, or its exception as a failure, in
// `result`. Both arguments must outlive the task.
template <class T, class Start>
task<> keep_result(Start& start, std::optional<base::outcome<T>>& result) {
    try {
        result.emplace(co_await start());
    } catch (...) {
        result.emplace(std::unexpected(failure_of_current_exception()));
    }
    co_return base::ok();
}
template <class T>
base::outcome<T> take_result(std::optional<base::outcome<T>>& result) {
    if (!result) return base::fail(base::errc::internal, "a task did not end");
    return std::move(*result);
}

}  // namespace aio::detail
