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
    auto start = [&work] { return std::move(work); };
    const bool late = co_await detail::race_with_time(when, detail::keep_result(start, result));
    auto ended = detail::kept(result);
    if (late && !ended && ended.error().code == base::errc::cancelled) {
        co_return base::fail(base::errc::timed_out, "the deadline passed");
    }
    co_return ended;
}

}  // namespace aio
