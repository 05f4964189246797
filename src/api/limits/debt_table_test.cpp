#include "api/limits/debt_table.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
const base::steady_time start(1h);
constexpr domain::rate_quota quota{.interval = 1ms, .burst = 100};

TEST(debt_table, admits_the_burst_of_each_caller) {
    api::debt_table table;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(table.admit(7, quota, start).is_admitted) << i;
    EXPECT_FALSE(table.admit(7, quota, start).is_admitted);
    EXPECT_TRUE(table.admit(8, quota, start).is_admitted);
    EXPECT_EQ(table.debt(7, start), 100ms);
    EXPECT_EQ(table.debt(9, start), 0ms);
    EXPECT_TRUE(table.admit(7, quota, start + 1ms).is_admitted);
    EXPECT_FALSE(table.admit(7, quota, start + 1ms).is_admitted);
}

TEST(debt_table, admits_exactly_the_burst_of_concurrent_requests) {
    api::debt_table table;
    std::atomic<int> admitted{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int request = 0; request < 1000; ++request) {
                    if (table.admit(42, quota, start).is_admitted) ++admitted;
                }
            });
        }
    }
    EXPECT_EQ(admitted.load(), 100);
}

TEST(debt_table, reuses_the_slots_of_callers_without_debt) {
    api::debt_table table(8);
    for (std::uint64_t caller = 1; caller <= 8; ++caller) table.admit(caller, quota, start);
    EXPECT_TRUE(table.admit(9, quota, start + 1s).is_admitted);
    EXPECT_EQ(table.debt(9, start + 1s), 1ms);
}

TEST(debt_table, evicts_the_smallest_debt_if_all_slots_are_in_use) {
    api::debt_table table(8);
    for (std::uint64_t caller = 1; caller <= 8; ++caller) {
        for (std::uint64_t i = 0; i < caller; ++i) table.admit(caller, quota, start);
    }
    EXPECT_EQ(table.admit(9, quota, start).debt, 1ms);
    EXPECT_EQ(table.debt(1, start), 0ms);
    EXPECT_EQ(table.debt(8, start), 8ms);
}

TEST(debt_table, raises_a_debt_and_never_lowers_it) {
    api::debt_table table;
    table.raise(5, 50ms, start);
    EXPECT_EQ(table.debt(5, start), 50ms);
    table.raise(5, 20ms, start);
    EXPECT_EQ(table.debt(5, start), 50ms);
    EXPECT_EQ(table.debt(5, start + 1s), 0ms);
}

}  // namespace
