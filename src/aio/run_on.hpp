#pragma once
// run_on: runs work on another loop and returns to the caller's loop. HTTP handlers call the
// control loop with it.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
task<T> run_on(aio::executor executor, std::move_only_function<task<T>()> work) {
    std::optional<base::outcome<T>> result;
    co_await detail::on_executor(executor, [&] { return detail::keep_result(work, result); });
    co_return detail::take_result(result);
}

}  // namespace aio
