#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;
using std::chrono::seconds;

TEST(decide, creates_an_object_that_was_never_created) {
    const observed_database nothing;
    const auto result = decide(wanted_database(), &nothing, at());
    EXPECT_EQ(result.next.kind, action_kind::create_object);
    EXPECT_EQ(active_operation(result.record)->phase, operation_phase::running);
}

TEST(decide, finishes_a_creation_when_the_object_is_ready) {
    const observed_database nothing;
    auto record = decide(wanted_database(), &nothing, at()).record;
    record = after_success(record, {.kind = action_kind::create_object}, "uid-1", false, at());
    EXPECT_EQ(record.object_uid, "uid-1");

    auto context = at(seconds(1));
    context.awaiting_first_observation = true;
    EXPECT_EQ(decide(record, &nothing, context).next.kind, action_kind::none);

    auto observed = shown(record, observed_phase::provisioning);
    record = decide(record, &observed, at(seconds(2))).record;
    EXPECT_NE(active_operation(record), nullptr);
    EXPECT_EQ(phase_of(record, observed), status_phase::provisioning);

    observed.phase = observed_phase::ready;
    const auto last = decide(record, &observed, at(seconds(9)));
    EXPECT_EQ(last.record.operations.back().phase, operation_phase::succeeded);
    EXPECT_EQ(last.record.operations.back().progress, 100);
    EXPECT_EQ(last.record.operations.back().finished_at, start_time + seconds(9));
    EXPECT_TRUE(last.record.was_ready);
    EXPECT_EQ(phase_of(last.record, observed), status_phase::running);
}

TEST(decide, ends_a_creation_that_takes_too_long_with_the_cause) {
    auto record = wanted_database();
    record.object_uid = "uid-1";
    auto observed = shown(record, observed_phase::provisioning);
    observed.events.push_back(
        {.type = "Warning", .reason = "FailedScheduling", .message = "no node has 500 cores"});
    record = decide(record, &observed, at()).record;
    const auto result = decide(record, &observed, at(seconds(901)));
    const auto& ended = result.record.operations.back();
    EXPECT_EQ(ended.phase, operation_phase::failed);
    EXPECT_EQ(ended.error_code, "timed_out");
    EXPECT_NE(ended.error_message.find("no node has 500 cores"), std::string::npos);
}

TEST(decide, ends_a_creation_that_never_reaches_the_cluster) {
    const observed_database nothing;
    const auto begun = decide(wanted_database(), &nothing, at()).record;
    const auto result = decide(begun, &nothing, at(seconds(901)));
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_EQ(phase_of(result.record, nothing), status_phase::failed);
}

TEST(decide, does_not_time_out_a_create_whose_uid_was_not_stored) {
    const observed_database nothing;
    const auto begun = decide(wanted_database(), &nothing, at()).record;
    const auto observed = shown(begun, observed_phase::ready);
    EXPECT_EQ(decide(begun, &observed, at(seconds(5000))).next.kind, action_kind::create_object);
}

TEST(decide, gives_an_operation_its_timeout_after_a_downtime) {
    const observed_database nothing;
    const auto late = decide(wanted_database(), &nothing, at(seconds(5000), seconds(5000)));
    EXPECT_EQ(late.next.kind, action_kind::create_object);
    const auto later = decide(late.record, &nothing, at(seconds(5901), seconds(5000)));
    EXPECT_EQ(later.record.operations.back().error_code, "timed_out");
}

}  // namespace
}  // namespace domain
