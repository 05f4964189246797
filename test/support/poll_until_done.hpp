#pragma once
// poll_until_done: one task on a loop that the test turns by hand, without ever waiting. What else
// is ready on the loop has its turn as well.

#include <functional>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace fakes {

template <class T>
base::outcome<T> poll_until_done(aio::loop& on, std::function<aio::task<T>()> start) {
    std::optional<base::outcome<T>> result;
    aio::task_group once(on.executor());
    once.spawn([&]() -> aio::task<> {
        result.emplace(co_await start());
        co_return base::ok();
    });
    while (!result) on.poll();
    return std::move(*result);
}

}  // namespace fakes
