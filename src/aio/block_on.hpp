#pragma once
// block_on: one task on a loop of its own, on this thread. For tests and small programs.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
base::outcome<T> block_on(task<T> work) {
    std::optional<base::outcome<T>> result;
    auto start = [&work] { return std::move(work); };
    detail::run_until_done(detail::keep_result(start, result));
    return detail::kept(result);
}

}  // namespace aio
