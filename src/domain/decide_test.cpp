#include "domain/decide.hpp"

#include <gtest/gtest.h>

#include "domain/failure_cause.hpp"
#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;

TEST(decide, does_nothing_until_the_cluster_has_reported) {
    const auto record = wanted_database();
    const auto result = decide(record, nullptr, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_FALSE(result.record_changed);
}

TEST(after_failure, retries_a_retryable_failure) {
    const auto record = wanted_database();
    for (const auto code :
         {base::errc::unavailable, base::errc::timed_out, base::errc::precondition}) {
        const auto result = after_failure(record, nullptr, {.kind = action_kind::create_object},
                                          {.code = code, .text = "later"}, at());
        EXPECT_TRUE(result.retry);
        EXPECT_NE(active_operation(result.record), nullptr);
    }
    EXPECT_TRUE(
        after_failure(record, nullptr, {.kind = action_kind::create_object},
                      {.code = base::errc::conflict, .text = "x", .cause = failure_cause::deleting},
                      at())
            .retry);
}

TEST(after_failure, fails_the_operation_after_any_other_failure) {
    const auto result = after_failure(
        wanted_database(), nullptr, {.kind = action_kind::create_object},
        {.code = base::errc::conflict, .text = "owned by another client", .reason = "not_owned"},
        at());
    EXPECT_FALSE(result.retry);
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    const observed_database nothing;
    const auto status = derive_status(result.record, &nothing, {.cluster_known = true});
    EXPECT_EQ(status.phase, status_phase::failed);
    EXPECT_EQ(status.reason, "not_owned");
}

TEST(decide, restores_labels_that_another_client_changed) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.labels["team"] = "x";
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::update_object);
}

}  // namespace
}  // namespace domain
