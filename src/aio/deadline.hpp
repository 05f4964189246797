#pragma once
// with_deadline: gives a task until a point in time. Nothing here lives longer than the awaiting
// coroutine.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
task<T> with_deadline(base::steady_time when, task<T> work) {
    std::optional<base::outcome<T>> result;
    auto fill = [](task<T> inner, std::optional<base::outcome<T>>* into) -> task<> {
        into->emplace(co_await std::move(inner));
        co_return base::outcome<void>{};
    };
    const bool late = co_await detail::race_with_time(when, fill(std::move(work), &result));
    if (!result) co_return base::fail(base::errc::internal, "a task threw an exception");
    if (late && !*result && result->error().code == base::errc::cancelled) {
        co_return base::fail(base::errc::timed_out, "the deadline passed");
    }
    co_return std::move(*result);
}

}  // namespace aio
