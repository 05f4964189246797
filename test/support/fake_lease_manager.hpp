#pragma once
// Leases in memory that behave, shared by several keepers as by several processes, with a switch
// for trouble. One loop.

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
        : clock_(clock), rights_(std::make_shared<std::map<std::string, right>>()) {}
    // Another process: the same rights, trouble of its own.
    explicit fake_lease_manager(fake_lease_manager& beside)
        : clock_(beside.clock_), rights_(beside.rights_) {}

    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override;
    aio::task<void> release(std::string name, std::string holder) override;
    aio::task<std::vector<std::string>> live_holders(std::string prefix) override;

    // Every call fails so, without effect, until it is told otherwise.
    void fail_with(std::optional<base::failure> how) { trouble_ = std::move(how); }
    [[nodiscard]] int calls() const noexcept { return calls_; }

  private:
    struct right {
        std::string holder;
        base::steady_time until;
    };
    base::outcome<void> enter();
    [[nodiscard]] bool is_live(const right& which) const { return clock_.now() < which.until; }

    const base::clock& clock_;
    std::shared_ptr<std::map<std::string, right>> rights_;  // all keepers of one place own it
    std::optional<base::failure> trouble_;
    int calls_ = 0;
};

}  // namespace fakes
