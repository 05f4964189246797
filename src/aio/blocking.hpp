#pragma once
// run_blocking: runs blocking work on a pool and returns its result on the caller's loop.

#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
task<T> run_blocking(blocking_pool& pool, std::move_only_function<base::outcome<T>()> work) {
    std::optional<base::outcome<T>> result;
    const bool is_accepted = co_await detail::on_pool(pool, [&result, &work] {
        try {
            result.emplace(work());
        } catch (...) {
            result.emplace(std::unexpected(detail::failure_of_current_exception()));
        }
    });
    if (!is_accepted)
        co_return base::fail(base::errc::limit, "the queue of the blocking pool is full");
    co_return std::move(*result);
}

}  // namespace aio
