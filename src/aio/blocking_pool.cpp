#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "aio/aio.hpp"

namespace aio {

struct blocking_pool::state {
    mutable std::mutex mutex;
    std::condition_variable filled;
    std::deque<std::move_only_function<void()>> queue;
    std::size_t queue_max = 0;
    bool is_stopping = false;
    std::vector<std::thread> threads;

    void serve() {
        std::unique_lock lock(mutex);
        while (true) {
            filled.wait(lock, [this] { return is_stopping || !queue.empty(); });
            if (queue.empty()) return;
            auto work = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            work();
            work = nullptr;  // destroys the captures outside of the lock
            lock.lock();
        }
    }
};

blocking_pool::blocking_pool(std::size_t threads, std::size_t queue_max)
    : state_(std::make_unique<state>()) {
    state_->queue_max = queue_max;
    for (std::size_t i = 0; i < threads; ++i) {
        state_->threads.emplace_back([shared = state_.get()] { shared->serve(); });
    }
}

blocking_pool::~blocking_pool() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->is_stopping = true;
    }
    state_->filled.notify_all();
    for (auto& thread : state_->threads) thread.join();
}

bool blocking_pool::submit(std::move_only_function<void()> work) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->is_stopping || state_->queue.size() >= state_->queue_max) return false;
        state_->queue.push_back(std::move(work));
    }
    state_->filled.notify_one();
    return true;
}

std::size_t blocking_pool::queued() const noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

}  // namespace aio
