#include "scrape/rates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace scrape {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Unknown if the engine does not report its uptime.
using restart = std::optional<bool>;

restart restarted_within(double seconds, double uptime_seconds) {
    if (std::isnan(uptime_seconds)) return std::nullopt;
    return uptime_seconds + 0.5 < seconds;  // tolerance: engines report whole seconds
}

// A restart alone does not reset counters: PostgreSQL keeps them over a clean restart. Only a fall
// shows that counting started again. A fall without a restart is a reset, or the page of another
// member with the same start time, and the growth is unknown.
double increase(const counter_reading& before, const counter_reading& now, restart restarted) {
    if (std::isnan(before.total) || std::isnan(now.total)) return unknown;
    if (now.total >= before.total) {
        // A new part brings its whole past, a lost part removes it. Neither is growth.
        return now.series == before.series ? now.total - before.total : unknown;
    }
    const bool one_series = before.series == 1 && now.series == 1;
    return restarted.value_or(one_series) ? now.total : unknown;
}

}  // namespace

void rate_memory::advance(std::uint64_t member, base::steady_time now, double uptime_seconds,
                          std::span<const counter_reading> readings, std::span<double> rates) {
    std::ranges::fill(rates, unknown);
    auto it = std::ranges::find(members_, member, &member_state::member);
    if (it == members_.end()) {
        if (members_.size() >= options_.members_max) {
            members_.erase(std::ranges::min_element(members_, {}, &member_state::time));
        }
        members_.push_back({member, now, {readings.begin(), readings.end()}});
        return;
    }
    const auto elapsed = now - it->time;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    const bool usable = elapsed > std::chrono::nanoseconds::zero() && elapsed <= options_.gap_max &&
                        it->readings.size() == readings.size();
    const auto restarted = restarted_within(seconds, uptime_seconds);
    if (usable) {
        for (std::size_t index = 0; index < readings.size(); ++index) {
            rates[index] = increase(it->readings[index], readings[index], restarted) / seconds;
        }
    }
    it->time = now;
    it->readings.assign(readings.begin(), readings.end());
}

}  // namespace scrape
