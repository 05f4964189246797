#pragma once
// Runs a loop that waits for real I/O, until a task or a condition is done. For tests against real
// servers; tests without I/O use poll_until_done.hpp.

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "aio/aio.hpp"

namespace fakes {

// Runs one task and returns its result. Other tasks of the loop run as well.
template <class T>
base::outcome<T> run_until_done(aio::loop& loop, std::function<aio::task<T>()> start) {
    std::optional<base::outcome<T>> result;
    aio::task_group once(loop.executor());
    once.spawn([&]() -> aio::task<> {
        result.emplace(co_await start());
        loop.stop();
        co_return base::ok();
    });
    while (!result) loop.run();
    while (once.size() > 0) loop.poll();  // the end of the task itself
    return std::move(*result);
}

// Runs the loop until the condition holds. Returns false after the timeout.
inline bool run_until(aio::loop& loop, const std::function<bool()>& condition,
                      std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    // run_until_done() keeps the lambda until its coroutine has ended.
    const auto poll = [&]() -> aio::task<bool> {  // NOLINT(*-avoid-capturing-lambda-coroutines)
        while (!condition()) {
            if (std::chrono::steady_clock::now() >= deadline) co_return false;
            const auto slept = co_await aio::sleep_for(std::chrono::milliseconds(2));
            if (!slept) co_return false;
        }
        co_return true;
    };
    return run_until_done<bool>(loop, poll).value_or(false);
}

}  // namespace fakes
