// Pauses and resumes that are not written at once, or only partially.

#include <gtest/gtest.h>

#include "domain/decide.hpp"

namespace domain {
namespace {

using std::chrono::seconds;

const base::instant start{seconds(1'000'000)};
const base::failure down{.code = base::errc::unavailable, .text = "down"};
const base::failure refused{.code = base::errc::denied, .text = "forbidden"};

decide_context at(seconds later = {}) {
    return {.now = start + later};
}

class decide_pause : public testing::Test {
  protected:
    void begin(operation_kind kind, std::string id) {
        begin_operation(record_, {.id = std::move(id), .kind = kind}, start);
    }
    void set_paused(bool paused, std::string id) {
        record_.paused = paused;
        begin(paused ? operation_kind::pause : operation_kind::resume, std::move(id));
    }
    action decide_at(seconds later = {}) {
        auto decision = decide(record_, &observed_, at(later));
        record_ = std::move(decision.record);
        return decision.next;
    }
    void succeed(const action& done) { record_ = after_success(record_, done, {}, false, at()); }
    void fail(const action& tried, const base::failure& error) {
        record_ = after_failure(record_, &observed_, tried, error, at()).record;
    }
    [[nodiscard]] const operation& last() const { return record_.operations.back(); }

    database record_{.id = "db-a", .object_uid = "uid-1"};
    observed_database observed_{.exists = true,
                                .uid = "uid-1",
                                .owner_database_id = "db-a",
                                .phase = observed_phase::ready,
                                .topology = record_.topology};
};

TEST_F(decide_pause, writes_a_resume_after_a_partially_written_pause) {
    set_paused(true, "op-1");
    fail(decide_at(), down);
    set_paused(false, "op-2");
    const auto next = decide_at();
    EXPECT_EQ(next.kind, action_kind::update_object);
    EXPECT_EQ(last().phase, operation_phase::running);
    EXPECT_TRUE(decide(record_, &observed_, at()).again_in <= seconds(5)) << "no event will arrive";
    succeed(next);
    EXPECT_EQ(decide_at().kind, action_kind::none);
    EXPECT_EQ(last().phase, operation_phase::succeeded);
    EXPECT_EQ(decide_at().kind, action_kind::none);
}

TEST_F(decide_pause, does_not_count_the_write_of_an_earlier_operation) {
    set_paused(true, "op-1");
    const auto pause = decide_at();
    set_paused(false, "op-2");
    succeed(pause);  // it was under way
    EXPECT_EQ(decide_at().kind, action_kind::update_object);
}

TEST_F(decide_pause, an_update_that_takes_the_place_of_a_switch_writes_it) {
    set_paused(true, "op-1");
    fail(decide_at(), down);
    set_paused(false, "op-2");
    begin(operation_kind::update, "op-3");
    const auto next = decide_at();
    EXPECT_EQ(next.kind, action_kind::update_object);
    succeed(next);
    EXPECT_EQ(decide_at().kind, action_kind::none);
    EXPECT_EQ(last().phase, operation_phase::succeeded);
    begin(operation_kind::update, "op-4");
    EXPECT_EQ(decide_at().kind, action_kind::none);
    EXPECT_EQ(last().phase, operation_phase::succeeded);
}

TEST_F(decide_pause, resets_a_pause_with_the_rejected_update_that_superseded_it) {
    set_paused(true, "op-1");
    fail(decide_at(), down);
    record_.labels["tier"] = "gold";
    begin(operation_kind::update, "op-2");
    fail(decide_at(), refused);
    EXPECT_EQ(last().phase, operation_phase::failed);
    EXPECT_FALSE(record_.paused);
}

TEST_F(decide_pause, a_pause_whose_time_is_over_is_written_back) {
    set_paused(true, "op-1");
    fail(decide_at(), down);
    EXPECT_EQ(decide_at(seconds(901)).kind, action_kind::update_object);
    EXPECT_EQ(last().error_code, "timed_out");
    EXPECT_FALSE(record_.paused);
    EXPECT_EQ(decide_at(seconds(902)).kind, action_kind::none);
}

TEST_F(decide_pause, resets_a_pause_that_the_cluster_rejected) {
    set_paused(true, "op-1");
    fail(decide_at(), refused);
    EXPECT_EQ(last().phase, operation_phase::failed);
    EXPECT_FALSE(record_.paused);
    EXPECT_EQ(decide_at().kind, action_kind::none);
}

// The note that it was written was lost, and the platform was down for long.
TEST_F(decide_pause, a_pause_that_has_arrived_is_not_overdue) {
    set_paused(true, "op-1");
    EXPECT_EQ(decide_at().kind, action_kind::update_object);
    observed_.paused = true;
    observed_.phase = observed_phase::halted;
    const auto next = decide_at(seconds(5000));
    EXPECT_EQ(next.kind, action_kind::update_object);
    succeed(next);
    EXPECT_EQ(decide_at(seconds(5001)).kind, action_kind::none);
    EXPECT_EQ(last().phase, operation_phase::succeeded);
}

}  // namespace
}  // namespace domain
