#include "scrape/rates.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace scrape {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
using namespace std::chrono_literals;

struct fixture {
    rate_memory memory{{.gap_max = 150s, .members_max = 2}};
    double advance(std::chrono::nanoseconds time, double total, std::uint32_t series = 1,
                   double uptime = unknown, std::uint64_t member = 7) {
        const std::array now{counter_reading{total, series}};
        std::array<double, 1> rates{};
        memory.advance(member, base::steady_time(time), uptime, now, rates);
        return rates[0];
    }
};

TEST(rate_memory, has_no_rate_at_the_first_sample) {
    fixture counter;
    EXPECT_TRUE(std::isnan(counter.advance(0s, 100)));
}

TEST(rate_memory, divides_by_the_elapsed_time) {
    fixture counter;
    counter.advance(0s, 100);
    EXPECT_DOUBLE_EQ(counter.advance(20s, 300), 10);
    EXPECT_DOUBLE_EQ(counter.advance(60s, 300), 0);
}

TEST(rate_memory, treats_a_fall_of_one_series_as_a_restart) {
    fixture counter;
    counter.advance(0s, 1000);
    EXPECT_DOUBLE_EQ(counter.advance(10s, 50), 5);
}

TEST(rate_memory, has_no_rate_after_a_fall_that_the_uptime_contradicts) {
    fixture counter;
    counter.advance(0s, 1'000'000, 1, 5000);
    EXPECT_TRUE(std::isnan(counter.advance(10s, 900'000, 1, 5010)))
        << "two members with the same start time";
    EXPECT_DOUBLE_EQ(counter.advance(20s, 900'100, 1, 5020), 10);
    EXPECT_DOUBLE_EQ(counter.advance(30s, 50, 1, 5), 5) << "a restart";
}

TEST(rate_memory, treats_a_fall_of_a_sum_as_a_restart_only_if_the_uptime_confirms_it) {
    fixture counter;
    counter.advance(0s, 1000, 3);
    EXPECT_TRUE(std::isnan(counter.advance(10s, 900, 2, 5000))) << "one series is missing";
    EXPECT_DOUBLE_EQ(counter.advance(20s, 40, 3, 6), 4);
    EXPECT_TRUE(std::isnan(counter.advance(30s, 10, 3))) << "the uptime is unknown";
}

// A page lacks a database that the next page has again, with everything that it ever counted.
TEST(rate_memory, has_no_rate_when_the_series_of_a_sum_change) {
    fixture counter;
    counter.advance(0s, 1'000'000, 2);
    EXPECT_TRUE(std::isnan(counter.advance(10s, 500, 1))) << "a part is missing";
    EXPECT_TRUE(std::isnan(counter.advance(20s, 1'000'600, 2))) << "its past is not growth";
    EXPECT_DOUBLE_EQ(counter.advance(30s, 1'000'700, 2), 10);
    counter.advance(40s, 1'000'000, 3);
    EXPECT_TRUE(std::isnan(counter.advance(50s, 1'000'800, 2)))
        << "the remainder cannot have grown that much";
}

TEST(rate_memory, continues_over_a_restart_that_keeps_the_counters) {
    fixture counter;
    counter.advance(0s, 1000000, 3);
    EXPECT_DOUBLE_EQ(counter.advance(10s, 1000100, 3, 2), 10);
}

TEST(rate_memory, has_no_rate_after_a_gap) {
    fixture counter;
    counter.advance(0s, 100);
    EXPECT_TRUE(std::isnan(counter.advance(151s, 300)));
    EXPECT_DOUBLE_EQ(counter.advance(161s, 310), 1);
}

TEST(rate_memory, has_no_rate_without_elapsed_time_or_without_the_counter) {
    fixture counter;
    counter.advance(5s, 100);
    EXPECT_TRUE(std::isnan(counter.advance(5s, 110)));
    EXPECT_TRUE(std::isnan(counter.advance(15s, unknown, 0)));
    EXPECT_TRUE(std::isnan(counter.advance(25s, 500)));
    EXPECT_DOUBLE_EQ(counter.advance(35s, 510), 1);
}

TEST(rate_memory, compares_each_member_with_its_own_readings) {
    fixture counter;
    counter.advance(0s, 100, 1, unknown, 1);
    counter.advance(30s, 900000, 1, unknown, 2);
    EXPECT_DOUBLE_EQ(counter.advance(60s, 160, 1, unknown, 1), 1);
    EXPECT_DOUBLE_EQ(counter.advance(90s, 900600, 1, unknown, 2), 10);
}

TEST(rate_memory, drops_the_member_scraped_the_longest_ago) {
    fixture counter;
    counter.advance(0s, 1, 1, unknown, 1);
    counter.advance(1s, 1, 1, unknown, 2);
    counter.advance(2s, 1, 1, unknown, 3);
    EXPECT_EQ(counter.memory.members(), 2u);
    EXPECT_FALSE(std::isnan(counter.advance(3s, 2, 1, unknown, 2)));
    EXPECT_TRUE(std::isnan(counter.advance(4s, 2, 1, unknown, 1)));
}

}  // namespace
}  // namespace scrape
