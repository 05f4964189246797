#include "main/loop_thread.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <memory>
#include <mutex>

std::optional<base::outcome<void>> loop_thread::run(std::move_only_function<aio::task<>()> start,
                                                    base::steady_time deadline) {
    struct result {
        std::mutex mutex;
        std::condition_variable completed;
        std::optional<base::outcome<void>> value;
    };
    const auto shared = std::make_shared<result>();
    loop_.post([this, shared, start = std::move(start)]() mutable {
        auto work = [](std::move_only_function<aio::task<>()> begin,
                       std::shared_ptr<result> out) -> aio::task<> {
            auto value = co_await begin();
            const std::lock_guard lock(out->mutex);
            out->value = value;
            out->completed.notify_all();
            co_return base::ok();
        };
        if (!tasks_) tasks_.emplace(loop_.executor());
        tasks_->spawn(work(std::move(start), shared));
    });
    std::unique_lock lock(shared->mutex);
    const auto is_complete = [&] { return shared->value.has_value(); };
    if (deadline == base::steady_time::max()) {
        shared->completed.wait(lock, is_complete);
    } else {
        shared->completed.wait_until(lock, deadline, is_complete);
    }
    return shared->value;
}

base::outcome<void> loop_thread::run_within(std::chrono::seconds timeout,
                                            std::move_only_function<aio::task<>()> start) {
    auto result = run(std::move(start), std::chrono::steady_clock::now() + timeout);
    if (result) return std::move(*result);
    return base::fail(base::errc::timed_out,
                      fmt::format("the loop did not respond within {} s", timeout.count()));
}

void loop_thread::stop() {
    if (!thread_.joinable()) return;
    constexpr std::chrono::seconds grace{1};
    loop_.post([this, end = std::chrono::steady_clock::now() + grace] { stop_when_idle(end); });
    thread_.join();
}

// A task leaves its group after it has delivered its result, which may be later than the caller of
// run() continues.
void loop_thread::stop_when_idle(base::steady_time end) {
    if (tasks_ && tasks_->size() > 0 && std::chrono::steady_clock::now() < end) {
        loop_.post([this, end] { stop_when_idle(end); });
        return;
    }
    loop_.stop();
}
