#pragma once
// The type-free halves of aio's templates, so that users of the templates do not compile Asio. Not
// for other modules.

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace aio::detail {

// Runs `work` until its end, cancels it when `when` passes. True: the time came first (work has
// ended all the same).
boost::asio::awaitable<bool> race_with_time(base::steady_time when, task<> work);
// Runs `work` on the pool; false when the pool refused it.
boost::asio::awaitable<bool> on_pool(blocking_pool& pool, std::move_only_function<void()> work);
// Runs `start()` on `other` and comes back when it has ended.
boost::asio::awaitable<void> on_executor(aio::executor other,
                                         std::move_only_function<task<>()> start);
// Opened once from any thread, waited for on `on`'s loop, whether cancelled or not.
class remote_latch {
  public:
    explicit remote_latch(aio::executor on);
    void open();
    boost::asio::awaitable<void> wait();

  private:
    struct state;
    std::shared_ptr<state> state_;
};
void run_until_done(task<> work);
base::failure failure_of_current_exception() noexcept;

// Runs the task that `start` makes and keeps its result, or its exception as a failure, in `into`.
// Both must outlive it.
template <class T, class Start>
task<> keep_result(Start& start, std::optional<base::outcome<T>>& into) {
    try {
        into.emplace(co_await start());
    } catch (...) {
        into.emplace(std::unexpected(failure_of_current_exception()));
    }
    co_return base::ok();
}
template <class T>
base::outcome<T> kept(std::optional<base::outcome<T>>& result) {
    if (!result) return base::fail(base::errc::internal, "a task did not end");
    return std::move(*result);
}

}  // namespace aio::detail
