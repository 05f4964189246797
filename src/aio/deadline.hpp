#pragma once
// with_deadline: cancels a task at a point in time. No state here outlives the awaiting coroutine.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
task<T> with_deadline(base::steady_time deadline, task<T> work) {
    std::optional<base::outcome<T>> result;
    auto start = [&work] { return std::move(work); };
    const bool is_late =
        co_await detail::race_with_time(deadline, detail::keep_result(start, result));
    auto outcome = detail::take_result(result);
    if (is_late && !outcome && outcome.error().code == base::errc::cancelled) {
        co_return base::fail(base::errc::timed_out, "the deadline passed");
    }
    co_return outcome;
}

}  // namespace aio
