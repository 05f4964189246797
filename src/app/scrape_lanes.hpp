#pragma once
// How many scrapes may be in flight, so that exporters that hang do not hold up the others: a
// scrape has a place in the fast lane for a second; one that takes longer goes on beside it, and a
// database whose last scrape timed out begins in a slow lane of its own. Sans-io; one thread.

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"

namespace app {

class scrape_lanes {
  public:
    enum class lane : std::uint8_t { fast, late, slow };
    using ticket = std::uint64_t;
    // How long a scrape holds its place in the fast lane.
    static constexpr std::chrono::milliseconds patience{1000};
    // Places beside the fast lane, for each one in it.
    static constexpr std::size_t late_per_fast = 8;

    // `fast` is the number of places in the fast lane.
    explicit scrape_lanes(std::size_t fast);
    // Returns the maximum of scrapes in flight in all lanes.
    static constexpr std::size_t in_flight_max(std::size_t fast) noexcept {
        return fast + fast * late_per_fast + slow_places(fast);
    }

    [[nodiscard]] bool has_place(lane in) const noexcept;
    // In the fast or the slow lane, where there must be a place.
    ticket begin(lane in, base::steady_time now);
    void end(ticket which);
    // Moves on who has been in the fast lane for long enough, as far as there is place beside it.
    void move_on(base::steady_time now);
    // When move_on() is worth a call; nothing while nobody is in the fast lane or may leave it.
    [[nodiscard]] std::optional<base::steady_time> next_move() const;
    [[nodiscard]] std::size_t in_flight() const noexcept { return flights_.size(); }

  private:
    static constexpr std::size_t slow_places(std::size_t fast) noexcept {
        return fast / 4 < 4 ? 4 : fast / 4;
    }
    struct start {
        ticket which;
        base::steady_time when;
    };
    std::size_t& used(lane in) noexcept { return used_[static_cast<std::size_t>(in)]; }

    std::array<std::size_t, 3> places_;
    std::array<std::size_t, 3> used_{};
    std::unordered_map<ticket, lane> flights_;
    std::deque<start> fast_;  // by their beginning; holds some that have ended
    ticket last_ = 0;
};

}  // namespace app
