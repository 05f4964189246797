#pragma once
// block_on: runs one task on a new loop on this thread. For tests and small programs.

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
    return detail::take_result(result);
}

}  // namespace aio
