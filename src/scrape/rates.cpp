#include "scrape/rates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace scrape {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Nothing is known when the engine does not tell its uptime.
using restart = std::optional<bool>;

restart restarted_within(double seconds, double uptime_seconds) {
    if (std::isnan(uptime_seconds)) return std::nullopt;
    return uptime_seconds + 0.5 < seconds;  // grace: engines tell it in whole seconds
}

// A restart alone proves nothing: PostgreSQL keeps its counters over a clean one. Only a fall shows
// that counting began anew. One without a restart is a reset, or another engine that is taken for
// this one, and no growth is known.
double increase(const counter_reading& before, const counter_reading& now, restart restarted) {
    if (std::isnan(before.total) || std::isnan(now.total)) return unknown;
    if (now.total >= before.total) {
        // A part that came brings its whole past, one that went takes it away: neither is growth.
        return now.series == before.series ? now.total - before.total : unknown;
    }
    const bool one_series = before.series == 1 && now.series == 1;
    return restarted.value_or(one_series) ? now.total : unknown;
}

}  // namespace

void rate_memory::advance(std::uint64_t member, base::steady_time at, double uptime_seconds,
                          std::span<const counter_reading> now, std::span<double> rates) {
    std::ranges::fill(rates, unknown);
    auto found = std::ranges::find(members_, member, &member_state::member);
    if (found == members_.end()) {
        if (members_.size() >= options_.members_max) {
            members_.erase(std::ranges::min_element(members_, {}, &member_state::at));
        }
        members_.push_back({member, at, {now.begin(), now.end()}});
        return;
    }
    const auto elapsed = at - found->at;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    const bool usable = elapsed > std::chrono::nanoseconds::zero() && elapsed <= options_.gap_max &&
                        found->readings.size() == now.size();
    const auto restarted = restarted_within(seconds, uptime_seconds);
    if (usable) {
        for (std::size_t index = 0; index < now.size(); ++index) {
            rates[index] = increase(found->readings[index], now[index], restarted) / seconds;
        }
    }
    found->at = at;
    found->readings.assign(now.begin(), now.end());
}

}  // namespace scrape
