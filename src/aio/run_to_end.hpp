#pragma once
// run_to_end: one task on a loop of its own, on this thread. For tests and small programs.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
base::outcome<T> run_to_end(task<T> work) {
    std::optional<base::outcome<T>> result;
    auto fill = [](task<T> inner, std::optional<base::outcome<T>>* into) -> task<> {
        into->emplace(co_await std::move(inner));
        co_return base::outcome<void>{};
    };
    detail::run_until_done(fill(std::move(work), &result));
    if (!result) return base::fail(base::errc::internal, "the task did not end");
    return std::move(*result);
}

}  // namespace aio
