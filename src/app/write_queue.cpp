#include "app/write_queue.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "aio/aio.hpp"

namespace app {

// A key is in the map while a writer holds its turn.
struct write_queue::state {
    struct writer {
        explicit writer(aio::executor executor) : admission(std::move(executor)) {}
        aio::notification admission;
        bool is_admitted = false;
    };
    std::map<std::string, std::deque<std::shared_ptr<writer>>> queues;

    void admit_next(const std::string& key) {
        const auto it = queues.find(key);
        if (it == queues.end()) return;
        if (it->second.empty()) {
            queues.erase(it);
            return;
        }
        const auto next = it->second.front();
        it->second.pop_front();
        next->is_admitted = true;
        next->admission.notify();
    }
};

write_queue::turn::turn(std::shared_ptr<state> queues, std::string key)
    : queues_(std::move(queues)), key_(std::move(key)) {}

write_queue::turn::~turn() {
    if (queues_) queues_->admit_next(key_);
}

write_queue::write_queue() : state_(std::make_shared<state>()) {}

aio::task<write_queue::turn> write_queue::enter(std::string key) {
    const auto shared = state_;
    const auto executor = co_await aio::this_executor();
    const auto [it, is_free] = shared->queues.try_emplace(key);
    if (is_free) co_return turn(shared, std::move(key));
    const auto self = std::make_shared<state::writer>(executor);
    it->second.push_back(self);
    auto waited = co_await self->admission.wait();
    if (self->is_admitted) {
        turn admitted(shared, std::move(key));  // if cancelled, its end admits the next writer
        if (!waited) co_return base::pass(std::move(waited), "wait for earlier writes");
        co_return admitted;
    }
    std::erase(shared->queues[key], self);
    co_return base::pass(std::move(waited), "wait for earlier writes");
}

std::size_t write_queue::waiting(const std::string& key) const noexcept {
    const auto it = state_->queues.find(key);
    return it == state_->queues.end() ? 0 : it->second.size();
}

}  // namespace app
