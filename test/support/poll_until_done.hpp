#pragma once
// Runs tasks on a loop that the test polls, without blocking.

#include <functional>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace fakes {

// Runs the loop until it has no ready handler. Handlers that other threads post later are not
// awaited; the fakes respond on the loop.
inline void poll_until_idle(aio::loop& loop) {
    while (loop.poll() > 0) {
    }
}

// Runs one task and returns its result. Other tasks that are ready on the loop run as well.
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
