#include "app/operation_ages.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using domain::operation_phase;

class operation_ages : public testing::Test {
  protected:
    static domain::database record(std::string operation, operation_phase phase) {
        domain::database result{.id = "db-1"};
        result.operations.push_back({.id = std::move(operation), .phase = phase});
        return result;
    }
    app::operation_ages ages_;
    const base::steady_time start_ = base::steady_time() + 1h;
};

TEST_F(operation_ages, count_from_the_first_version_with_the_running_operation) {
    const auto running = record("op-1", operation_phase::running);
    EXPECT_EQ(ages_.age(running, start_), 0s);
    ages_.note(running, start_);
    ages_.note(running, start_ + 5s);
    EXPECT_EQ(ages_.age(running, start_ + 7s), 7s);
}

TEST_F(operation_ages, do_not_count_the_time_in_the_queue) {
    const auto queued = record("op-1", operation_phase::queued);
    ages_.note(queued, start_);
    EXPECT_EQ(ages_.age(queued, start_ + 9s), 0s);
    EXPECT_EQ(ages_.size(), 0U);
}

TEST_F(operation_ages, begin_again_for_the_next_operation) {
    ages_.note(record("op-1", operation_phase::running), start_);
    const auto next = record("op-2", operation_phase::running);
    EXPECT_EQ(ages_.age(next, start_ + 9s), 0s);
    ages_.note(next, start_ + 9s);
    EXPECT_EQ(ages_.age(next, start_ + 10s), 1s);
}

TEST_F(operation_ages, forget_an_operation_that_has_ended_and_a_deleted_database) {
    ages_.note(record("op-1", operation_phase::running), start_);
    ages_.note(record("op-1", operation_phase::succeeded), start_);
    EXPECT_EQ(ages_.size(), 0U);
    ages_.note(record("op-2", operation_phase::running), start_);
    ages_.forget("db-1");
    ages_.forget("db-2");
    EXPECT_EQ(ages_.size(), 0U);
}

}  // namespace
