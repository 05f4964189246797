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
    double advance(std::chrono::nanoseconds at, double total, std::uint32_t series = 1,
                   double uptime = unknown, std::uint64_t member = 7) {
        const std::array now{counter_reading{total, series}};
        std::array<double, 1> rates{};
        memory.advance(member, base::steady_time(at), uptime, now, rates);
        return rates[0];
    }
};

TEST(rates, are_unknown_at_the_first_sample) {
    fixture it;
    EXPECT_TRUE(std::isnan(it.advance(0s, 100)));
}

TEST(rates, divide_by_the_time_that_really_passed) {
    fixture it;
    it.advance(0s, 100);
    EXPECT_DOUBLE_EQ(it.advance(20s, 300), 10);
    EXPECT_DOUBLE_EQ(it.advance(60s, 300), 0);
}

TEST(rates, take_a_fall_of_one_series_for_a_restart) {
    fixture it;
    it.advance(0s, 1000);
    EXPECT_DOUBLE_EQ(it.advance(10s, 50), 5);
}

TEST(rates, do_not_take_a_fall_for_a_restart_when_the_engine_ran_on) {
    fixture it;
    it.advance(0s, 1'000'000, 1, 5000);
    EXPECT_TRUE(std::isnan(it.advance(10s, 900'000, 1, 5010))) << "two members of one start time";
    EXPECT_DOUBLE_EQ(it.advance(20s, 900'100, 1, 5020), 10);
    EXPECT_DOUBLE_EQ(it.advance(30s, 50, 1, 5), 5) << "a restart";
}

TEST(rates, take_a_fallen_sum_for_a_restart_only_when_the_engine_restarted) {
    fixture it;
    it.advance(0s, 1000, 3);
    EXPECT_TRUE(std::isnan(it.advance(10s, 900, 2, 5000))) << "one of the series went away";
    EXPECT_DOUBLE_EQ(it.advance(20s, 40, 3, 6), 4);
    EXPECT_TRUE(std::isnan(it.advance(30s, 10, 3))) << "nothing is known of a restart";
}

// A database of which one page knew nothing, and which comes back with all it ever counted.
TEST(rates, of_a_sum_are_unknown_when_a_part_came_or_went) {
    fixture it;
    it.advance(0s, 1'000'000, 2);
    EXPECT_TRUE(std::isnan(it.advance(10s, 500, 1))) << "a part is missing";
    EXPECT_TRUE(std::isnan(it.advance(20s, 1'000'600, 2))) << "its whole past is no growth";
    EXPECT_DOUBLE_EQ(it.advance(30s, 1'000'700, 2), 10);
    it.advance(40s, 1'000'000, 3);
    EXPECT_TRUE(std::isnan(it.advance(50s, 1'000'800, 2))) << "the rest grew by more than it had";
}

TEST(rates, keep_counting_over_a_restart_that_kept_the_counters) {
    fixture it;
    it.advance(0s, 1000000, 3);
    EXPECT_DOUBLE_EQ(it.advance(10s, 1000100, 3, 2), 10);
}

TEST(rates, begin_anew_after_a_gap) {
    fixture it;
    it.advance(0s, 100);
    EXPECT_TRUE(std::isnan(it.advance(151s, 300)));
    EXPECT_DOUBLE_EQ(it.advance(161s, 310), 1);
}

TEST(rates, are_unknown_without_time_or_without_the_counter) {
    fixture it;
    it.advance(5s, 100);
    EXPECT_TRUE(std::isnan(it.advance(5s, 110)));
    EXPECT_TRUE(std::isnan(it.advance(15s, unknown, 0)));
    EXPECT_TRUE(std::isnan(it.advance(25s, 500)));
    EXPECT_DOUBLE_EQ(it.advance(35s, 510), 1);
}

TEST(rates, compare_each_member_with_itself) {
    fixture it;
    it.advance(0s, 100, 1, unknown, 1);
    it.advance(30s, 900000, 1, unknown, 2);
    EXPECT_DOUBLE_EQ(it.advance(60s, 160, 1, unknown, 1), 1);
    EXPECT_DOUBLE_EQ(it.advance(90s, 900600, 1, unknown, 2), 10);
}

TEST(rates, forget_the_member_seen_longest_ago) {
    fixture it;
    it.advance(0s, 1, 1, unknown, 1);
    it.advance(1s, 1, 1, unknown, 2);
    it.advance(2s, 1, 1, unknown, 3);
    EXPECT_EQ(it.memory.members(), 2u);
    EXPECT_FALSE(std::isnan(it.advance(3s, 2, 1, unknown, 2)));
    EXPECT_TRUE(std::isnan(it.advance(4s, 2, 1, unknown, 1)));
}

}  // namespace
}  // namespace scrape
