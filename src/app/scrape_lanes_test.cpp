#include "app/scrape_lanes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace std::chrono_literals;
using app::scrape_lanes;
using lane = scrape_lanes::lane;

constexpr base::steady_time start(1h);

TEST(scrape_lanes, a_scrape_that_takes_long_leaves_its_place_to_others) {
    scrape_lanes lanes(2);
    const auto hung = lanes.begin(lane::fast, start);
    const auto quick = lanes.begin(lane::fast, start + 100ms);
    EXPECT_FALSE(lanes.has_place(lane::fast));
    EXPECT_EQ(lanes.next_move(), start + 1s);
    lanes.move_on(start + 999ms);
    EXPECT_FALSE(lanes.has_place(lane::fast));
    lanes.end(quick);
    EXPECT_TRUE(lanes.has_place(lane::fast));
    lanes.begin(lane::fast, start + 500ms);
    lanes.move_on(start + 1s);
    EXPECT_TRUE(lanes.has_place(lane::fast));
    EXPECT_EQ(lanes.in_flight(), 2U);
    lanes.end(hung);
    EXPECT_EQ(lanes.in_flight(), 1U);
}

TEST(scrape_lanes, is_bounded_beside_the_fast_lane_too) {
    scrape_lanes lanes(1);
    std::vector<scrape_lanes::ticket> flying;
    auto now = start;
    for (std::size_t count = 0; count < scrape_lanes::late_per_fast + 1; ++count) {
        ASSERT_TRUE(lanes.has_place(lane::fast)) << count;
        flying.push_back(lanes.begin(lane::fast, now));
        now += 2s;
        lanes.move_on(now);
    }
    EXPECT_FALSE(lanes.has_place(lane::fast));
    EXPECT_FALSE(lanes.has_place(lane::late));
    EXPECT_EQ(lanes.next_move(), std::nullopt);
    lanes.end(flying.front());
    lanes.move_on(now);
    EXPECT_TRUE(lanes.has_place(lane::fast));
    EXPECT_LE(lanes.in_flight(), scrape_lanes::in_flight_max(1));
}

TEST(scrape_lanes, the_slow_lane_is_apart) {
    scrape_lanes lanes(1);
    for (int count = 0; count < 4; ++count) lanes.begin(lane::slow, start);
    EXPECT_FALSE(lanes.has_place(lane::slow));
    EXPECT_TRUE(lanes.has_place(lane::fast));
    EXPECT_EQ(lanes.next_move(), std::nullopt);
}

// 10,000 databases at 30 s, a tenth of them hung for 10 s: 33 a second that hang.
TEST(scrape_lanes, holds_what_a_tenth_that_hangs_piles_up) {
    scrape_lanes lanes(64);
    std::deque<std::pair<base::steady_time, scrape_lanes::ticket>> flying;
    std::size_t refused = 0;
    for (int at = 0; at < 10'000; ++at) {
        const auto now = start + at * 3ms;
        while (!flying.empty() && flying.front().first <= now) {
            lanes.end(flying.front().second);
            flying.pop_front();
        }
        lanes.move_on(now);
        if (!lanes.has_place(lane::fast)) {
            ++refused;
            continue;
        }
        const auto given = lanes.begin(lane::fast, now);
        if (at % 10 == 0) {
            flying.emplace_back(now + 10s, given);
        } else {
            lanes.end(given);
        }
    }
    EXPECT_EQ(refused, 0U);
}

}  // namespace
