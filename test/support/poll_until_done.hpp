#pragma once
// poll_until_done: runs one task on a loop that the test polls, without blocking. Other tasks that
// are ready on the loop run as well.

#include <functional>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace fakes {

template <class T>
base::outcome<T> poll_until_done(aio::loop& loop, std::function<aio::task<T>()> start) {
    std::optional<base::outcome<T>> result;
    aio::task_group once(loop.executor());
    once.spawn([&]() -> aio::task<> {
        result.emplace(co_await start());
        co_return base::ok();
    });
    while (!result) loop.poll();
    return std::move(*result);
}

}  // namespace fakes
