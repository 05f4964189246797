#include "app/scrape_lanes.hpp"

#include <cassert>

namespace app {

scrape_lanes::scrape_lanes(std::size_t fast)
    : places_{fast, fast * late_per_fast, slow_places(fast)} {}

bool scrape_lanes::has_place(lane in) const noexcept {
    const auto at = static_cast<std::size_t>(in);
    return used_[at] < places_[at];
}

scrape_lanes::ticket scrape_lanes::begin(lane in, base::steady_time now) {
    assert(in != lane::late && has_place(in));
    const auto given = ++last_;
    flights_.emplace(given, in);
    ++used(in);
    if (in == lane::fast) fast_.push_back({given, now});
    return given;
}

void scrape_lanes::end(ticket scrape) {
    const auto at = flights_.find(scrape);
    assert(at != flights_.end());
    --used(at->second);
    flights_.erase(at);
    while (!fast_.empty() && !flights_.contains(fast_.front().scrape)) fast_.pop_front();
}

void scrape_lanes::move_on(base::steady_time now) {
    while (!fast_.empty() && has_place(lane::late)) {
        const auto& [scrape, when] = fast_.front();
        const auto at = flights_.find(scrape);
        if (at != flights_.end()) {
            if (now - when < patience) return;
            at->second = lane::late;
            --used(lane::fast);
            ++used(lane::late);
        }
        fast_.pop_front();
    }
}

std::optional<base::steady_time> scrape_lanes::next_move() const {
    if (fast_.empty() || !has_place(lane::late)) return std::nullopt;
    return fast_.front().when + patience;
}

}  // namespace app
