#include "main/control_thread.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace {

TEST(control_thread, returns_the_result_of_a_task) {
    control_thread thread;
    const auto result = thread.run(
        []() -> aio::task<> { co_return base::fail(base::errc::not_found, "no such record"); });
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().code, base::errc::not_found);
}

TEST(control_thread, returns_nothing_at_the_deadline) {
    control_thread thread;
    const auto result =
        thread.run([]() -> aio::task<> { return aio::sleep_for(std::chrono::milliseconds(50)); },
                   std::chrono::steady_clock::now());
    EXPECT_FALSE(result);
}

// The destructor of the group of the tasks asserts that none is left.
TEST(control_thread, can_end_right_after_a_result) {
    for (int round = 0; round < 2000; ++round) {
        control_thread thread;
        const auto result = thread.run([]() -> aio::task<> { co_return base::ok(); });
        ASSERT_TRUE(result && *result);
    }
}

TEST(control_thread, can_be_stopped_before_a_task_and_twice) {
    control_thread thread;
    thread.stop();
    thread.stop();
}

}  // namespace
