#include "domain/rate_limit.hpp"

#include <algorithm>

namespace domain {

using std::chrono::nanoseconds;
using std::chrono::seconds;

std::string_view name(rate_class kind) noexcept {
    switch (kind) {
        case rate_class::reads:
            return "reads";
        case rate_class::writes:
            return "writes";
        case rate_class::logins:
            return "logins";
        case rate_class::logins_per_address:
            return "logins_per_address";
    }
    return "";
}

rate_quota rate_quota::share_of(std::int64_t replicas) const noexcept {
    if (replicas <= 1) return *this;
    return {.interval = interval * replicas,
            .burst = std::max<std::int64_t>(burst / replicas, 1),
            .penalty_max = penalty_max};
}

rate_step next_step(const rate_quota& quota, nanoseconds debt) noexcept {
    debt = std::max(debt, nanoseconds(0));
    const auto next = debt + quota.interval;
    if (!quota.is_limited() || next <= quota.capacity()) return {.debt = next};
    if (quota.penalty_max.count() == 0) return {.is_admitted = false, .debt = debt};
    const auto debt_max = quota.capacity() + quota.penalty_max;
    return {.is_admitted = false, .debt = std::max(debt, std::min(next, debt_max))};
}

rate_report report_of(const rate_quota& quota, nanoseconds debt) noexcept {
    if (!quota.is_limited()) return {};
    debt = std::max(debt, nanoseconds(0));
    const auto free = std::max(quota.capacity() - debt, nanoseconds(0));
    const auto wait = std::max(debt + quota.interval - quota.capacity(), nanoseconds(0));
    return {.remaining = free / quota.interval,
            .reset = std::chrono::ceil<seconds>(debt),
            .wait = std::chrono::ceil<seconds>(wait),
            .window = std::chrono::ceil<seconds>(quota.capacity())};
}

}  // namespace domain
