#pragma once
// Leases in memory. Several managers share them, as several processes would. A test can make all
// calls of one manager fail. One loop.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "ports/lease.hpp"

namespace fakes {

class fake_lease_manager final : public ports::lease_manager {
  public:
    explicit fake_lease_manager(const base::clock& clock)
        : clock_(clock), leases_(std::make_shared<std::map<std::string, lease>>()) {}
    // Another process: shares the leases of `peer`, but not its failure.
    fake_lease_manager(const base::clock& clock, const fake_lease_manager& peer)
        : clock_(clock), leases_(peer.leases_) {}

    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override;
    aio::task<void> release(std::string name, std::string holder) override;
    aio::task<std::vector<std::string>> live_holders(std::string prefix) override;

    // Makes every call fail without effect; nullopt ends that.
    void fail_with(std::optional<base::failure> failure) { failure_ = std::move(failure); }
    [[nodiscard]] int calls() const noexcept { return calls_; }

  private:
    struct lease {
        std::string holder;
        base::steady_time expires_at;
    };
    base::outcome<void> enter();
    [[nodiscard]] bool is_live(const lease& entry) const { return clock_.now() < entry.expires_at; }

    const base::clock& clock_;
    std::shared_ptr<std::map<std::string, lease>> leases_;  // shared by all managers
    std::optional<base::failure> failure_;
    int calls_ = 0;
};

}  // namespace fakes
