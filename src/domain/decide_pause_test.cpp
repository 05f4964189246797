// Pauses and resumes that are not written at once, or only partially.

#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;
using std::chrono::seconds;

const base::failure down{.code = base::errc::unavailable, .text = "down"};
const base::failure refused{.code = base::errc::denied, .text = "forbidden"};

class decide_pause : public testing::Test {
  protected:
    void begin(operation_kind kind, std::string id) {
        begin_operation(record_, {.id = std::move(id), .kind = kind}, start_time);
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

TEST_F(decide_pause, writes_a_pause_change_with_the_update_that_superseded_it) {
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

TEST_F(decide_pause, reverts_an_overdue_pause) {
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

// The process ended before it stored the write, and the downtime exceeded the timeout.
TEST_F(decide_pause, does_not_time_out_a_pause_that_was_observed) {
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

TEST_F(decide_pause, pauses_and_resumes_through_the_object) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.paused = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::pause}, start_time);
    auto result = decide(record, &observed, at());
    EXPECT_EQ(result.next.kind, action_kind::update_object);
    record = after_success(result.record, result.next, "", false, at());
    observed.paused = true;
    EXPECT_NE(active_operation(decide(record, &observed, at()).record), nullptr);
    observed.phase = observed_phase::halted;
    record = decide(record, &observed, at()).record;
    EXPECT_EQ(record.operations.back().phase, operation_phase::succeeded);
    EXPECT_EQ(phase_of(record, observed), status_phase::paused);

    record.paused = false;
    begin_operation(record, {.id = "op-3", .kind = operation_kind::resume}, start_time);
    result = decide(record, &observed, at());
    EXPECT_EQ(result.next.kind, action_kind::update_object);
    record = after_success(result.record, result.next, "", false, at());
    observed.paused = false;
    EXPECT_EQ(phase_of(record, observed), status_phase::updating);
    observed.phase = observed_phase::ready;
    EXPECT_EQ(decide(record, &observed, at()).record.operations.back().phase,
              operation_phase::succeeded);
}

TEST_F(decide_pause, resets_the_record_after_an_overdue_resume) {
    auto record = running_database();
    record.paused = true;
    const auto observed = shown(record, observed_phase::halted);
    record.paused = false;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::resume}, start_time);
    record = decide(record, &observed, at()).record;
    record = decide(record, &observed, at(seconds(901))).record;
    EXPECT_EQ(record.operations.back().error_code, "timed_out");
    EXPECT_TRUE(record.paused);
    EXPECT_EQ(decide(record, &observed, at(seconds(902))).next.kind, action_kind::none);
}

}  // namespace
}  // namespace domain
