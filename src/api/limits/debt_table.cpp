#include "api/limits/debt_table.hpp"

#include <algorithm>

namespace api {
namespace {

using std::chrono::nanoseconds;
constexpr auto relaxed = std::memory_order_relaxed;

std::int64_t count_of(base::steady_time time) noexcept {
    return std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
}

std::uint64_t valid(std::uint64_t caller) noexcept {
    return std::max<std::uint64_t>(caller, 1);
}

}  // namespace

debt_table::debt_table(std::size_t slots)
    : mask_(slots - 1), slots_(std::make_unique<slot[]>(slots)) {}

debt_table::slot& debt_table::slot_of(std::uint64_t caller, std::int64_t now) noexcept {
    while (true) {
        slot* victim = nullptr;
        std::int64_t earliest = INT64_MAX;
        for (std::size_t probe = 0; probe < probes; ++probe) {
            auto& entry = slot_at(caller, probe);
            if (entry.caller.load(relaxed) == caller) return entry;
            const auto paid_at = entry.paid_at.load(relaxed);
            if (paid_at < earliest) {
                earliest = paid_at;
                victim = &entry;
            }
        }
        auto previous = victim->caller.load(relaxed);
        if (previous == caller) return *victim;
        // The new caller must not inherit a debt.
        if (earliest > now) victim->paid_at.store(0, relaxed);
        if (victim->caller.compare_exchange_strong(previous, caller, relaxed)) return *victim;
    }
}

domain::rate_step debt_table::admit(std::uint64_t caller, const domain::rate_quota& quota,
                                    base::steady_time now) noexcept {
    const auto time = count_of(now);
    auto& entry = slot_of(valid(caller), time);
    auto paid_at = entry.paid_at.load(relaxed);
    while (true) {
        const auto step = domain::next_step(quota, nanoseconds(paid_at - time));
        const auto next = time + step.debt.count();
        if (next == paid_at) return step;  // rejected without a penalty
        if (entry.paid_at.compare_exchange_weak(paid_at, next, relaxed)) return step;
    }
}

nanoseconds debt_table::debt(std::uint64_t caller, base::steady_time now) const noexcept {
    caller = valid(caller);
    for (std::size_t probe = 0; probe < probes; ++probe) {
        const auto& entry = slot_at(caller, probe);
        if (entry.caller.load(relaxed) != caller) continue;
        return std::max(nanoseconds(entry.paid_at.load(relaxed) - count_of(now)), nanoseconds(0));
    }
    return nanoseconds(0);
}

void debt_table::raise(std::uint64_t caller, nanoseconds debt, base::steady_time now) noexcept {
    const auto time = count_of(now);
    auto& entry = slot_of(valid(caller), time);
    const auto wanted = time + debt.count();
    auto paid_at = entry.paid_at.load(relaxed);
    while (paid_at < wanted && !entry.paid_at.compare_exchange_weak(paid_at, wanted, relaxed)) {
    }
}

}  // namespace api
