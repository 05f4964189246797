#pragma once
// ports::rate_limiter for tests: counts in memory, or fails. Belongs to the loop of the test.

#include <map>

#include "base/clock.hpp"
#include "ports/rate_limiter.hpp"

namespace fakes {

class fake_rate_limiter final : public ports::rate_limiter {
  public:
    explicit fake_rate_limiter(const base::clock& clock) : clock_(clock) {}

    aio::task<domain::rate_step> admit(std::string key, domain::rate_quota quota) override {
        ++calls;
        if (is_failing) co_return base::fail(base::errc::unavailable, "no Redis");
        auto& paid_at = paid_at_[std::move(key)];
        const auto step = domain::next_step(quota, paid_at - clock_.now());
        paid_at = clock_.now() + step.debt;
        co_return step;
    }

    bool is_failing = false;
    int calls = 0;

  private:
    const base::clock& clock_;
    std::map<std::string, base::steady_time> paid_at_;
};

}  // namespace fakes
