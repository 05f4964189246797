#pragma once
// Wakes every waiting coroutine after a change. A waiter must read the state again after each wait.
// One loop.

#include <list>
#include <utility>

#include "aio/aio.hpp"

namespace redis {

class change_signal {
  public:
    explicit change_signal(aio::executor executor) : executor_(std::move(executor)) {}

    void notify_all() {
        for (auto& waiter : waiters_) waiter.notify();
    }
    // Returns true after the next notify_all(), false at `end`. The signal must outlive the task.
    // Errors: cancelled.
    aio::task<bool> wait_until(base::steady_time end) {
        const auto waiter = waiters_.emplace(waiters_.end(), executor_);
        auto woken = co_await waiter->wait_until(end);
        waiters_.erase(waiter);
        co_return woken;
    }

  private:
    aio::executor executor_;
    std::list<aio::notification> waiters_;
};

}  // namespace redis
