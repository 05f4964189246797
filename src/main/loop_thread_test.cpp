#include "main/loop_thread.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace {

TEST(loop_thread, returns_the_result_of_a_task) {
    loop_thread thread;
    const auto result = thread.run(
        []() -> aio::task<> { co_return base::fail(base::errc::not_found, "no such record"); });
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().code, base::errc::not_found);
}

TEST(loop_thread, returns_nothing_at_the_deadline) {
    loop_thread thread;
    const auto result =
        thread.run([]() -> aio::task<> { return aio::sleep_for(std::chrono::milliseconds(50)); },
                   std::chrono::steady_clock::now());
    EXPECT_FALSE(result);
}

TEST(loop_thread, fails_if_the_loop_does_not_respond_before_the_deadline) {
    loop_thread thread;
    const auto failed = thread.run_within(std::chrono::seconds(0), []() -> aio::task<> {
        return aio::sleep_for(std::chrono::milliseconds(50));
    });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, base::errc::timed_out);
    EXPECT_EQ(failed.error().text, "the loop did not respond within 0 s");
    EXPECT_TRUE(
        thread.run_within(std::chrono::seconds(60), []() -> aio::task<> { co_return base::ok(); }));
}

// The destructor of the group of the tasks asserts that none is left.
TEST(loop_thread, can_end_right_after_a_result) {
    for (int round = 0; round < 2000; ++round) {
        loop_thread thread;
        const auto result = thread.run([]() -> aio::task<> { co_return base::ok(); });
        ASSERT_TRUE(result && *result);
    }
}

TEST(loop_thread, can_be_stopped_before_a_task_and_twice) {
    loop_thread thread;
    thread.stop();
    thread.stop();
}

}  // namespace
