#include "app/write_queue.hpp"

#include <map>
#include <utility>

namespace app {

// A key is in the map while a writer holds its turn or waits for it.
struct write_queue::state {
    std::map<std::string, aio::semaphore> queues;

    void erase_idle(const std::string& key) {
        const auto it = queues.find(key);
        if (it != queues.end() && it->second.is_idle()) queues.erase(it);
    }
};

write_queue::turn::turn(std::shared_ptr<state> queues, std::string key,
                        aio::semaphore::permit permit)
    : queues_(std::move(queues)), key_(std::move(key)), permit_(std::move(permit)) {}

write_queue::turn::~turn() {
    if (!queues_) return;
    permit_.reset();  // admits the next writer
    queues_->erase_idle(key_);
}

write_queue::write_queue() : state_(std::make_shared<state>()) {}

aio::task<write_queue::turn> write_queue::enter(std::string key) {
    const auto shared = state_;
    const auto executor = co_await aio::this_executor();
    auto& queue = shared->queues.try_emplace(key, executor, 1).first->second;
    auto permit = co_await queue.acquire();
    if (!permit) {
        shared->erase_idle(key);
        co_return base::pass(std::move(permit), "wait for earlier writes");
    }
    co_return turn(shared, std::move(key), std::move(*permit));
}

std::size_t write_queue::waiting(const std::string& key) const noexcept {
    const auto it = state_->queues.find(key);
    return it == state_->queues.end() ? 0 : it->second.waiting();
}

}  // namespace app
