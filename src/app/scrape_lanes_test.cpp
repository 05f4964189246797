#include "app/scrape_lanes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace std::chrono_literals;
using app::scrape_lanes;
using lane = scrape_lanes::lane;

constexpr base::steady_time start(1h);

TEST(scrape_lanes, frees_the_place_of_a_scrape_after_a_second) {
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

TEST(scrape_lanes, limits_the_scrapes_next_to_the_fast_lane) {
    scrape_lanes lanes(1);
    std::vector<scrape_lanes::ticket> scrapes;
    auto now = start;
    for (std::size_t count = 0; count < scrape_lanes::late_per_fast + 1; ++count) {
        ASSERT_TRUE(lanes.has_place(lane::fast)) << count;
        scrapes.push_back(lanes.begin(lane::fast, now));
        now += 2s;
        lanes.move_on(now);
    }
    EXPECT_FALSE(lanes.has_place(lane::fast));
    EXPECT_FALSE(lanes.has_place(lane::late));
    EXPECT_EQ(lanes.next_move(), std::nullopt);
    lanes.end(scrapes.front());
    lanes.move_on(now);
    EXPECT_TRUE(lanes.has_place(lane::fast));
    EXPECT_LE(lanes.in_flight(), scrape_lanes::in_flight_max(1));
}

TEST(scrape_lanes, limits_the_slow_lane_separately) {
    scrape_lanes lanes(1);
    for (int count = 0; count < 4; ++count) lanes.begin(lane::slow, start);
    EXPECT_FALSE(lanes.has_place(lane::slow));
    EXPECT_TRUE(lanes.has_place(lane::fast));
    EXPECT_EQ(lanes.next_move(), std::nullopt);
}

// Databases with an interval of 30 s, of which a tenth hangs for 10 s.
struct hung_fleet {
    int databases;
    std::size_t fast_places;
};
class scrape_lanes_of_fleet : public testing::TestWithParam<hung_fleet> {};
INSTANTIATE_TEST_SUITE_P(sizes, scrape_lanes_of_fleet,
                         testing::Values(hung_fleet{10'000, 64}, hung_fleet{100'000, 640}));

TEST_P(scrape_lanes_of_fleet, has_places_while_a_tenth_hangs) {
    scrape_lanes lanes(GetParam().fast_places);
    std::deque<std::pair<base::steady_time, scrape_lanes::ticket>> scrapes;
    std::size_t rejected = 0;
    for (int index = 0; index < GetParam().databases; ++index) {
        const auto now = start + index * std::chrono::nanoseconds(30s) / GetParam().databases;
        while (!scrapes.empty() && scrapes.front().first <= now) {
            lanes.end(scrapes.front().second);
            scrapes.pop_front();
        }
        lanes.move_on(now);
        if (!lanes.has_place(lane::fast)) {
            ++rejected;
            continue;
        }
        const auto scrape = lanes.begin(lane::fast, now);
        if (index % 10 == 0) {
            scrapes.emplace_back(now + 10s, scrape);
        } else {
            lanes.end(scrape);
        }
    }
    EXPECT_EQ(rejected, 0U);
}

}  // namespace
