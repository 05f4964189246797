#pragma once
// Converts counters to rates, with the readings of the previous scrape. The stats service sends a
// scrape to any member of a database, so the readings are kept per member. The start time of the
// exporter identifies the member. Pure; time is passed in.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace scrape {

// One counter of a page: the sum of `series` lines, NaN without a line.
struct counter_reading {
    double total = 0;
    std::uint32_t series = 0;
};

class rate_memory {
  public:
    struct options {
        // Older readings yield no rates.
        std::chrono::nanoseconds gap_max = std::chrono::seconds(150);
        // Beyond it the member that was scraped the longest ago is dropped.
        std::size_t members_max = 16;
    };

    explicit rate_memory(options limits) : options_(limits) {}

    // Sets `rates` to the growth per second since the previous readings of `member`, and keeps
    // `readings` in their place. A rate is NaN without previous readings, and if the number of
    // series of a sum changed. A counter that fell started again at zero if `uptime_seconds`
    // confirms a restart. If the uptime contradicts it, the counter was reset or lost a part, and
    // the rate is NaN. Without an uptime (NaN) a fall of one series counts as a restart.
    void advance(std::uint64_t member, base::steady_time now, double uptime_seconds,
                 std::span<const counter_reading> readings, std::span<double> rates);

    [[nodiscard]] std::size_t members() const noexcept { return members_.size(); }

  private:
    struct member_state {
        std::uint64_t member = 0;
        base::steady_time time{};
        std::vector<counter_reading> readings;
    };
    options options_;
    std::vector<member_state> members_;
};

}  // namespace scrape
