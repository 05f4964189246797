#pragma once
// run_on: awaits work that belongs to another loop; the way from an HTTP loop to the control loop
// and back.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
task<T> run_on(aio::executor other, std::move_only_function<task<T>()> work) {
    std::optional<base::outcome<T>> result;
    co_await detail::on_executor(other, [&] { return detail::keep_result(work, result); });
    co_return detail::kept(result);
}

}  // namespace aio
