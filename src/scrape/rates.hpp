#pragma once
// Counters to rates: what a counter was at the scrape before, and how long ago. The stats service
// hands a scrape to any member of a database, so each member (told apart by its exporter's start
// time) has a memory of its own. Pure; time is passed in.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace scrape {

// One counter as it stands on a page: the sum of `series` lines. NaN with no line.
struct counter_reading {
    double total = 0;
    std::uint32_t series = 0;
};

class rate_memory {
  public:
    struct options {
        std::chrono::nanoseconds gap_max =
            std::chrono::seconds(150);  // older readings are of no use
        std::size_t members_max = 16;   // the one seen longest ago makes room
    };

    explicit rate_memory(options how) : options_(how) {}

    // Per-second rates of `now` against the readings of the same member before these, NaN where
    // there are none, or where a part of a sum came or went; remembers `now` instead. After a fall
    // the counter began anew at zero when `uptime_seconds` says that the engine started in between;
    // when it says that it did not, a part of a sum has vanished, or the counter was reset, and the
    // rate is NaN. Of an unknown uptime (NaN) a fall of one series is taken for a restart.
    void advance(std::uint64_t member, base::steady_time at, double uptime_seconds,
                 std::span<const counter_reading> now, std::span<double> rates);

    [[nodiscard]] std::size_t members() const noexcept { return members_.size(); }

  private:
    struct member_state {
        std::uint64_t member = 0;
        base::steady_time at{};
        std::vector<counter_reading> readings;
    };
    options options_;
    std::vector<member_state> members_;
};

}  // namespace scrape
