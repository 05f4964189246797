#include "test/support/fake_lease_manager.hpp"

#include <set>
#include <utility>

namespace fakes {

base::outcome<void> fake_lease_manager::enter() {
    ++calls_;
    if (trouble_) return std::unexpected(*trouble_);
    return {};
}

aio::task<bool> fake_lease_manager::hold(std::string name, std::string holder,
                                         std::chrono::seconds duration) {
    auto entered = enter();
    if (!entered) co_return base::pass(std::move(entered));
    if (holder.empty() || duration < std::chrono::seconds(1)) {
        co_return base::fail(base::errc::invalid, "a holder, and at least a second");
    }
    auto& wanted = (*rights_)[name];
    if (wanted.holder != holder && is_live(wanted)) co_return false;
    wanted = {.holder = std::move(holder), .until = clock_.now() + duration};
    co_return true;
}

aio::task<void> fake_lease_manager::release(std::string name, std::string holder) {
    auto entered = enter();
    if (!entered) co_return entered;
    const auto at = rights_->find(name);
    if (at != rights_->end() && at->second.holder == holder) rights_->erase(at);
    co_return base::ok();
}

aio::task<std::vector<std::string>> fake_lease_manager::live_holders(std::string prefix) {
    auto entered = enter();
    if (!entered) co_return base::pass(std::move(entered));
    std::set<std::string> holders;
    for (const auto& [name, right] : *rights_) {
        if (name.starts_with(prefix) && is_live(right)) holders.insert(right.holder);
    }
    co_return std::vector<std::string>(holders.begin(), holders.end());
}

}  // namespace fakes
