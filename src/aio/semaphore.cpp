#include "aio/semaphore.hpp"

#include <algorithm>

namespace aio {

semaphore::semaphore(aio::executor executor, std::size_t permits_max)
    : executor_(std::move(executor)), max_(permits_max), free_(permits_max) {}

task<semaphore::permit> semaphore::acquire() {
    if (free_ > 0 && waiters_.empty()) {
        --free_;
        co_return permit(*this);
    }
    const auto self = waiters_.emplace(waiters_.end(), executor_);
    auto notified = co_await self->granted.wait();
    const bool has_permit = self->has_permit;
    waiters_.erase(self);
    if (has_permit) {
        permit acquired(*this);  // if cancelled, its end passes the permit on
        if (notified) co_return acquired;
    }
    co_return base::fail(base::errc::cancelled, "cancelled while waiting for a permit");
}

std::size_t semaphore::waiting() const noexcept {
    return static_cast<std::size_t>(std::ranges::count(waiters_, false, &waiter::has_permit));
}

void semaphore::release() {
    for (auto& waiter : waiters_) {
        if (std::exchange(waiter.has_permit, true)) continue;
        waiter.granted.notify();
        return;
    }
    ++free_;
}

}  // namespace aio
