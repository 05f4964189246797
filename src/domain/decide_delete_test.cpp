#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;

TEST(after_failure, retries_a_deletion_after_any_failure) {
    auto record = running_database();
    record.deleted = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::delete_database}, start_time);
    const auto result = after_failure(record, nullptr, {.kind = action_kind::remove_object},
                                      {.code = base::errc::denied, .text = "forbidden"}, at());
    EXPECT_TRUE(result.retry);
    EXPECT_EQ(active_operation(result.record)->error_message, "forbidden");
}

TEST(decide, reports_a_missing_object_and_does_not_create_it_again) {
    const auto record = running_database();
    const observed_database nothing;
    const auto result = decide(record, &nothing, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_FALSE(result.record_changed);
    const auto status = derive_status(record, &nothing, {.cluster_known = true});
    EXPECT_EQ(status.phase, status_phase::failed);
    EXPECT_EQ(status.reason, "object_missing");
}

TEST(decide, fails_the_operation_of_a_missing_object) {
    auto record = running_database();
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    const observed_database nothing;
    EXPECT_EQ(decide(record, &nothing, at()).record.operations.back().error_code, "object_missing");
}

// A live call has found nothing, and the cluster has published the absence.
TEST(after_failure, fails_the_operation_of_an_object_that_a_call_did_not_find) {
    auto record = running_database();
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    const observed_database nothing;
    for (const auto kind : {action_kind::update_object, action_kind::request_change}) {
        const auto result = after_failure(
            record, &nothing, {.kind = kind},
            {.code = base::errc::not_found, .text = "404", .reason = "NotFound"}, at());
        EXPECT_FALSE(result.retry);
        EXPECT_EQ(result.record.operations.back().error_code, "object_missing");
    }
}

TEST(decide, treats_an_object_with_another_uid_as_missing) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.uid = "uid-2";
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none);
    EXPECT_EQ(phase_of(record, observed), status_phase::failed);
}

TEST(decide, deletes_the_record_after_the_cluster_confirmed_the_absence) {
    auto record = running_database();
    record.deleted = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::delete_database}, start_time);
    auto observed = shown(record, observed_phase::ready);
    const action removal{.kind = action_kind::remove_object};
    EXPECT_EQ(decide(record, &observed, at()).next, removal);
    record = after_success(record, removal, "", false, at());
    EXPECT_NE(active_operation(record), nullptr);

    observed.deleting = true;
    auto result = decide(record, &observed, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_TRUE(result.again_in.has_value());

    const observed_database nothing;
    EXPECT_EQ(decide(record, &nothing, at()).next, removal);
    record = after_success(record, removal, "", true, at());
    EXPECT_EQ(record.operations.back().phase, operation_phase::succeeded);
    EXPECT_EQ(decide(record, &nothing, at()).next.kind, action_kind::remove_record);
    EXPECT_EQ(phase_of(record, nothing), status_phase::deleting);
}

}  // namespace
}  // namespace domain
