#include "api/stream/stream_limiter.hpp"

namespace api {

std::unique_ptr<stream_limiter::place> stream_limiter::take(std::string_view peer) {
    std::string address(peer.substr(0, peer.rfind(':')));
    {
        const std::lock_guard lock(mutex_);
        const auto at = taken_.try_emplace(address, 0).first;
        if (at->second == most_) return nullptr;
        ++at->second;
    }
    return std::make_unique<place>(*this, std::move(address));
}

void stream_limiter::give_back(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto at = taken_.find(address);
    if (--at->second == 0) taken_.erase(at);
}

}  // namespace api
