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
    auto fill = [](std::move_only_function<task<T>()>* start,
                   std::optional<base::outcome<T>>* into) -> task<> {
        into->emplace(co_await (*start)());
        co_return base::outcome<void>{};
    };
    co_await detail::on_executor(other, [&] { return fill(&work, &result); });
    if (!result) co_return base::fail(base::errc::internal, "a task threw an exception");
    co_return std::move(*result);
}

}  // namespace aio
