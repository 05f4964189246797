#include "app/scrape_lanes.hpp"

#include <cassert>

namespace app {

scrape_lanes::scrape_lanes(std::size_t fast)
    : places_{fast, fast * late_per_fast, slow_places(fast)} {}

bool scrape_lanes::has_place(lane in) const noexcept {
    const auto index = static_cast<std::size_t>(in);
    return used_[index] < places_[index];
}

scrape_lanes::ticket scrape_lanes::begin(lane in, base::steady_time now) {
    assert(in != lane::late && has_place(in));
    const auto scrape = ++last_;
    flights_.emplace(scrape, in);
    ++used(in);
    if (in == lane::fast) fast_.push_back({scrape, now});
    return scrape;
}

void scrape_lanes::end(ticket scrape) {
    const auto it = flights_.find(scrape);
    assert(it != flights_.end());
    --used(it->second);
    flights_.erase(it);
    while (!fast_.empty() && !flights_.contains(fast_.front().scrape)) fast_.pop_front();
}

void scrape_lanes::move_on(base::steady_time now) {
    while (!fast_.empty() && has_place(lane::late)) {
        const auto& [scrape, when] = fast_.front();
        const auto it = flights_.find(scrape);
        if (it != flights_.end()) {
            if (now - when < patience) return;
            it->second = lane::late;
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
