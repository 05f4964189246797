#include "test/support/fake_lease_manager.hpp"

#include <set>
#include <utility>

namespace fakes {

base::outcome<void> fake_lease_manager::enter() {
    ++calls_;
    if (failure_) return std::unexpected(*failure_);
    return {};
}

aio::task<bool> fake_lease_manager::hold(std::string name, std::string holder,
                                         std::chrono::seconds duration) {
    auto entered = enter();
    if (!entered) co_return base::pass(std::move(entered));
    if (holder.empty() || duration < std::chrono::seconds(1)) {
        co_return base::fail(base::errc::invalid,
                             "holder: must not be empty; duration: must be at least 1 s");
    }
    auto& entry = (*leases_)[name];
    if (entry.holder != holder && is_live(entry)) co_return false;
    entry = {.holder = std::move(holder), .expires_at = clock_.now() + duration};
    co_return true;
}

aio::task<void> fake_lease_manager::release(std::string name, std::string holder) {
    auto entered = enter();
    if (!entered) co_return entered;
    const auto it = leases_->find(name);
    if (it != leases_->end() && it->second.holder == holder) leases_->erase(it);
    co_return base::ok();
}

aio::task<std::vector<std::string>> fake_lease_manager::live_holders(std::string prefix) {
    auto entered = enter();
    if (!entered) co_return base::pass(std::move(entered));
    std::set<std::string> holders;
    for (const auto& [name, entry] : *leases_) {
        if (name.starts_with(prefix) && is_live(entry)) holders.insert(entry.holder);
    }
    co_return std::vector<std::string>(holders.begin(), holders.end());
}

}  // namespace fakes
