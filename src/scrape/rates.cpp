#include "scrape/rates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace scrape {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// A restart alone proves nothing: PostgreSQL keeps its counters over a clean one. Only a fall shows
// that counting began anew.
double increase(const counter_reading& before, const counter_reading& now, bool restarted) {
    if (std::isnan(before.total) || std::isnan(now.total)) return unknown;
    if (now.total >= before.total) {
        // A part that came brings its whole past, one that went takes it away: neither is growth.
        return now.series == before.series ? now.total - before.total : unknown;
    }
    const bool one_series = before.series == 1 && now.series == 1;
    return one_series || restarted ? now.total : unknown;
}

}  // namespace

void rate_memory::advance(std::uint64_t member, base::steady_time at, double uptime_seconds,
                          std::span<const counter_reading> now, std::span<double> rates) {
    std::ranges::fill(rates, unknown);
    auto found = std::ranges::find(members_, member, &member_state::member);
    if (found == members_.end()) {
        if (members_.size() >= how_.members_max) {
            members_.erase(std::ranges::min_element(members_, {}, &member_state::at));
        }
        members_.push_back({member, at, {now.begin(), now.end()}});
        return;
    }
    const auto elapsed = at - found->at;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    const bool usable = elapsed > std::chrono::nanoseconds::zero() && elapsed <= how_.gap_max &&
                        found->readings.size() == now.size();
    // Half a second of grace: engines report their uptime in whole seconds.
    const bool restarted = !std::isnan(uptime_seconds) && uptime_seconds + 0.5 < seconds;
    if (usable) {
        for (std::size_t index = 0; index < now.size(); ++index) {
            rates[index] = increase(found->readings[index], now[index], restarted) / seconds;
        }
    }
    found->at = at;
    found->readings.assign(now.begin(), now.end());
}

}  // namespace scrape
