#pragma once
// run_on_cancellable: run_on that passes a cancellation on. The control loop calls the scrape loop
// with it.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {
namespace detail {

// Runs `start()` on the loop of `target` and waits for its end. If the caller is cancelled, cancels
// the task.
boost::asio::awaitable<void> on_executor_cancellable(aio::executor target,
                                                     std::move_only_function<task<>()> start);

}  // namespace detail

// Runs `work` on the loop of `executor` and returns its result on the caller's loop. If the caller
// is cancelled, cancels `work` and waits for its end. `work` must end when it is cancelled.
template <class T>
task<T> run_on_cancellable(aio::executor executor, std::move_only_function<task<T>()> work) {
    std::optional<base::outcome<T>> result;
    co_await detail::on_executor_cancellable(executor,
                                             [&] { return detail::keep_result(work, result); });
    co_return detail::take_result(result);
}

}  // namespace aio
