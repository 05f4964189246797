#pragma once
// Limits the scrapes in flight, so that exporters that hang do not delay the others. A scrape has a
// place in the fast lane for a second; a longer one continues next to it. A database whose last
// scrape timed out starts in a separate slow lane. Sans-io; one thread.

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
    // Time that a scrape holds its place in the fast lane.
    static constexpr std::chrono::milliseconds patience{1000};
    // Places next to the fast lane, for each place in it.
    static constexpr std::size_t late_per_fast = 8;

    // `fast` is the number of places in the fast lane.
    explicit scrape_lanes(std::size_t fast);
    // Returns the maximum of scrapes in flight in all lanes.
    static constexpr std::size_t in_flight_max(std::size_t fast) noexcept {
        return fast + fast * late_per_fast + slow_places(fast);
    }

    [[nodiscard]] bool has_place(lane in) const noexcept;
    // Starts a scrape in the fast or the slow lane, which must have a free place.
    ticket begin(lane in, base::steady_time now);
    void end(ticket scrape);
    // Moves scrapes out of the fast lane after their time, while places next to it are free.
    void move_on(base::steady_time now);
    // Returns the time of the next useful move_on(), or nothing if no scrape can leave the lane.
    [[nodiscard]] std::optional<base::steady_time> next_move() const;
    [[nodiscard]] std::size_t in_flight() const noexcept { return flights_.size(); }

  private:
    static constexpr std::size_t slow_places(std::size_t fast) noexcept {
        return fast / 4 < 4 ? 4 : fast / 4;
    }
    struct start {
        ticket scrape{};
        base::steady_time when;
    };
    std::size_t& used(lane in) noexcept { return used_[static_cast<std::size_t>(in)]; }

    std::array<std::size_t, 3> places_;
    std::array<std::size_t, 3> used_{};
    std::unordered_map<ticket, lane> flights_;
    std::deque<start> fast_;  // in order of start; includes some that have ended
    ticket last_ = 0;
};

}  // namespace app
