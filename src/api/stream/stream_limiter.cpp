#include "api/stream/stream_limiter.hpp"

namespace api {

std::unique_ptr<stream_limiter::permit> stream_limiter::acquire(std::string address) {
    {
        const std::lock_guard lock(mutex_);
        auto& count = counts_.try_emplace(address, 0).first->second;
        if (count == streams_max_) return nullptr;
        ++count;
    }
    return std::make_unique<permit>(*this, std::move(address));
}

void stream_limiter::release(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto entry = counts_.find(address);
    if (--entry->second == 0) counts_.erase(entry);
}

}  // namespace api
