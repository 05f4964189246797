#include "domain/status.hpp"

#include <gtest/gtest.h>

#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;

TEST(derive_status, reports_an_unreachable_engine_as_degraded_with_the_cause) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::not_ready);
    observed.conditions.push_back(
        {.type = "AcceptingConnection", .status = false, .message = "connection refused"});
    const auto status = derive_status(record, &observed, {.cluster_known = true});
    EXPECT_EQ(status.phase, status_phase::degraded);
    EXPECT_EQ(status.reason, "not_accepting_connections");
    EXPECT_EQ(status.message, "connection refused");
}

TEST(derive_status, counts_members_without_another_cause) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::critical);
    observed.members = {{.name = "orders-0", .ready = true}, {.name = "orders-1"}};
    const auto status = derive_status(record, &observed, {.cluster_known = true});
    EXPECT_EQ(status.reason, "members_not_ready");
    EXPECT_EQ(status.message, "1 of 2 members are ready");
}

TEST(derive_status, is_unknown_until_the_cluster_has_reported) {
    const auto status = derive_status(running_database(), nullptr, {});
    EXPECT_EQ(status.phase, status_phase::unknown);
    EXPECT_EQ(status.reason, "cluster_not_synced");
}

TEST(derive_status, reports_that_another_client_deletes_the_object) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.deleting = true;
    EXPECT_EQ(derive_status(record, &observed, {.cluster_known = true}).reason,
              "deleted_in_cluster");
}

TEST(derive_status, explains_paused_health_checks) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::unknown);
    EXPECT_EQ(phase_of(record, observed), status_phase::unknown);
    observed.changes.push_back(change(change_kind::restart, change_phase::progressing, ""));
    EXPECT_EQ(phase_of(record, observed), status_phase::updating);
    observed.phase = observed_phase::restoring;
    EXPECT_EQ(phase_of(record, observed), status_phase::restoring);
}

}  // namespace
}  // namespace domain
