#pragma once
// Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371). The state of a caller is one
// number, its debt: the time until all of its requests are paid at the steady rate. A store keeps
// the point in time at which the debt ends. The Lua script of src/redis computes the same step.
// Pure.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace domain {

enum class rate_class : std::uint8_t {
    reads,
    writes,
    logins,             // per user
    logins_per_address  // per client address
};
inline constexpr std::size_t rate_class_count = std::size_t(rate_class::logins_per_address) + 1;
std::string_view name(rate_class kind) noexcept;

struct rate_quota {
    std::chrono::nanoseconds interval{0};  // between two requests at the steady rate; 0: no limit
    std::int64_t burst = 1;                // requests after a pause
    // If positive, a rejected request costs as much as an admitted one, until the wait of the
    // caller reaches this time. The delay then grows with each attempt.
    std::chrono::nanoseconds penalty_max{0};

    [[nodiscard]] bool is_limited() const noexcept { return interval.count() > 0; }
    // Returns the debt that no admitted request exceeds.
    [[nodiscard]] std::chrono::nanoseconds capacity() const noexcept { return interval * burst; }
    // Returns the quota of one of `replicas` processes that do not know of each other's requests.
    // At least one request is admitted after a pause.
    [[nodiscard]] rate_quota share_of(std::int64_t replicas) const noexcept;
    bool operator==(const rate_quota&) const = default;
};

struct rate_step {
    bool is_admitted = true;
    std::chrono::nanoseconds debt{0};  // after the request
    bool operator==(const rate_step&) const = default;
};
// Decides about one request of a caller with this debt.
rate_step next_step(const rate_quota& quota, std::chrono::nanoseconds debt) noexcept;

// The state of a limit, as its caller sees it.
struct rate_report {
    std::int64_t remaining = 0;      // requests that are admitted at once
    std::chrono::seconds reset{0};   // until `remaining` is the burst again, rounded up
    std::chrono::seconds wait{0};    // until the next request is admitted, rounded up
    std::chrono::seconds window{0};  // in which `burst` requests are paid, rounded up
    bool operator==(const rate_report&) const = default;
};
rate_report report_of(const rate_quota& quota, std::chrono::nanoseconds debt) noexcept;

// The quotas in force, by rate_class. All unlimited by default.
using rate_quotas = std::array<rate_quota, rate_class_count>;

}  // namespace domain
