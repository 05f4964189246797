#include "base/work_queue.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

using std::chrono::milliseconds;

const steady_time start{};

TEST(work_queue, merges_duplicate_keys) {
    work_queue queue;
    queue.add("a");
    queue.add("a");
    queue.add("b");
    EXPECT_EQ(queue.take(start), "a");
    EXPECT_EQ(queue.take(start), "b");
    EXPECT_EQ(queue.take(start), std::nullopt);
}

TEST(work_queue, gives_a_key_to_one_worker_at_a_time) {
    work_queue queue;
    queue.add("a");
    ASSERT_EQ(queue.take(start), "a");
    queue.add("a");
    EXPECT_EQ(queue.take(start), std::nullopt);
    queue.done("a");
    EXPECT_EQ(queue.take(start), "a");
    queue.done("a");
    EXPECT_EQ(queue.take(start), std::nullopt);
    EXPECT_EQ(queue.processing(), 0u);
}

TEST(work_queue, returns_a_delayed_key_at_its_earliest_time) {
    work_queue queue;
    queue.add_at("a", start + milliseconds(100));
    queue.add_at("a", start + milliseconds(50));
    queue.add_at("a", start + milliseconds(200));
    EXPECT_EQ(queue.take(start + milliseconds(49)), std::nullopt);
    EXPECT_EQ(queue.delayed(), 1u);
    EXPECT_EQ(queue.take(start + milliseconds(50)), "a");
    queue.done("a");
    EXPECT_EQ(queue.take(start + milliseconds(1000)), std::nullopt);
    EXPECT_EQ(queue.delayed(), 0u);
}

TEST(work_queue, immediate_add_overrides_a_delay) {
    work_queue queue;
    queue.add_at("a", start + milliseconds(100));
    queue.add("a");
    EXPECT_EQ(queue.take(start), "a");
    queue.done("a");
    EXPECT_EQ(queue.take(start + milliseconds(200)), std::nullopt);
}

TEST(work_queue, doubles_the_backoff_up_to_the_max) {
    work_queue queue({.retry_min = milliseconds(100), .retry_max = milliseconds(350)});
    auto now = start;
    for (const int wait : {100, 200, 350, 350}) {
        queue.add_after_failure("a", now);
        EXPECT_EQ(queue.take(now + milliseconds(wait - 1)), std::nullopt) << wait;
        now += milliseconds(wait);
        ASSERT_EQ(queue.take(now), "a") << wait;
        queue.done("a");
    }
    queue.forget_failures("a");
    queue.add_after_failure("a", now);
    EXPECT_EQ(queue.take(now + milliseconds(100)), "a");
}

TEST(work_queue, requeues_a_key_whose_delay_ends_during_processing) {
    work_queue queue;
    queue.add("a");
    ASSERT_EQ(queue.take(start), "a");
    queue.add_at("a", start + milliseconds(10));
    EXPECT_EQ(queue.take(start + milliseconds(20)), std::nullopt);
    queue.done("a");
    EXPECT_EQ(queue.take(start + milliseconds(20)), "a");
}

TEST(work_queue, reports_the_next_due_time) {
    work_queue queue;
    EXPECT_EQ(queue.next_due(), std::nullopt);
    queue.add_at("a", start + milliseconds(10));
    EXPECT_EQ(queue.next_due(), start + milliseconds(10));
    queue.add("b");
    EXPECT_LE(*queue.next_due(), start);
}

}  // namespace
}  // namespace base
