#include <gtest/gtest.h>

#include "domain/engines.hpp"
#include "test/support/decide_stage.hpp"

namespace domain {
namespace {

using namespace fakes;
using std::chrono::seconds;

TEST(decide, requests_one_change_at_a_time_until_the_spec_is_observed) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    record.topology.data().storage.bytes = 20 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);

    auto result = decide(record, &observed, at());
    EXPECT_EQ(result.next,
              (action{action_kind::request_change, change_kind::volume_expansion, "op-2"}));
    record = result.record;

    observed.changes.push_back(
        change(change_kind::volume_expansion, change_phase::progressing, "op-2"));
    result = decide(record, &observed, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_EQ(phase_of(result.record, observed), status_phase::updating);
    record = result.record;

    observed.changes.back().phase = change_phase::successful;
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none)
        << "the spec has not arrived yet";
    observed.topology.data().storage.bytes = 20 * gibi;
    result = decide(record, &observed, at());
    EXPECT_EQ(result.next.change, change_kind::vertical_scaling);
    record = result.record;

    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::successful, "op-2"));
    observed.topology.data().size.memory_bytes = 2 * gibi;
    result = decide(record, &observed, at());
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::succeeded);
    EXPECT_EQ(result.record.operations.back().steps.size(), 2u);
}

TEST(decide, requests_nothing_while_a_change_of_another_writer_runs) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::unknown);
    scale_to_three(record);
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    observed.changes.push_back(change(change_kind::restart, change_phase::progressing, ""));
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none);
}

TEST(decide, resets_the_record_to_the_observed_spec_after_a_failed_change) {
    auto record = running_database();
    const auto before = record;
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 64 * gibi;
    scale_to_three(record);
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    observed.changes.push_back(change(change_kind::vertical_scaling, change_phase::failed, "op-2"));
    observed.changes.back().message = "not enough memory";
    const auto result = decide(record, &observed, at());
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    EXPECT_EQ(result.record.operations.back().error_message, "not enough memory");
    EXPECT_EQ(result.record.topology.data().size, before.topology.data().size);
    EXPECT_EQ(result.record.topology, before.topology);
    EXPECT_EQ(decide(result.record, &observed, at()).next.kind, action_kind::none);
}

TEST(decide, scales_members_of_a_healthy_database_only) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::not_ready);
    scale_to_three(record);
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    for (const auto phase : {observed_phase::not_ready, observed_phase::provisioning,
                             observed_phase::unknown, observed_phase::restoring}) {
        observed.phase = phase;
        EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none) << name(phase);
    }
    observed.phase = observed_phase::critical;
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::request_change);
}

// A full disk, or too little memory to start_time: only a larger size brings the database back. A
// database that is still starting is not scaled.
TEST(decide, scales_a_broken_database) {
    auto grown = running_database();
    grown.topology.data().storage.bytes *= 2;
    auto stronger = running_database();
    stronger.topology.data().size.memory_bytes *= 2;
    for (auto record : {grown, stronger}) {
        begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
        for (const auto phase : {observed_phase::not_ready, observed_phase::provisioning}) {
            const auto observed = shown(running_database(), phase);
            const auto early = decide(record, &observed, at());
            EXPECT_EQ(early.next.kind, action_kind::none) << name(phase);
            EXPECT_TRUE(early.again_in <= seconds(5));
            const auto kind = [&](int later) {
                return decide(early.record, &observed, at(seconds(later))).next.kind;
            };
            EXPECT_EQ(kind(179), action_kind::none) << name(phase);
            EXPECT_EQ(kind(180), action_kind::request_change) << name(phase);
        }
        const auto restoring = shown(running_database(), observed_phase::restoring);
        EXPECT_EQ(decide(record, &restoring, at()).next.kind, action_kind::none);
    }
}

TEST(decide, adopts_every_group_that_another_client_scaled) {
    auto record = running_database();
    record.engine = "mongodb";
    record.topology.mode = topology_mode::cluster;
    complete_groups(record.topology, *find_engine("mongodb"));
    auto observed = shown(record, observed_phase::ready);
    observed.topology.find("router")->replicas = 5;
    observed.topology.groups.erase(observed.topology.groups.begin() + 1);  // config
    const auto result = decide(record, &observed, at());
    EXPECT_EQ(result.record.topology.find("router")->replicas, 5);
    EXPECT_EQ(*result.record.topology.find("config"), *record.topology.find("config"));
}

TEST(decide, fails_an_overdue_change_and_resets_the_record) {
    auto record = running_database();
    const auto before = record.topology.data().size;
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::progressing, "op-2"));
    record = decide(record, &observed, at()).record;
    const auto result = decide(record, &observed, at(seconds(901)));
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    EXPECT_EQ(result.record.topology.data().size, before);
}

// The platform was down while the cluster worked.
TEST(decide, does_not_time_out_an_operation_that_has_succeeded) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start_time);
    record = decide(record, &observed, at()).record;
    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::successful, "op-2"));
    observed.topology.data().size = record.topology.data().size;
    record = decide(record, &observed, at(seconds(5000))).record;
    EXPECT_EQ(record.operations.back().phase, operation_phase::succeeded);
}

TEST(decide, adopts_a_finished_change_of_another_writer) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.topology.data().size.memory_bytes = 4 * gibi;
    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::progressing, ""));
    EXPECT_FALSE(decide(record, &observed, at()).record_changed) << "still under way";
    observed.changes.back().phase = change_phase::successful;
    const auto result = decide(record, &observed, at());
    EXPECT_EQ(result.record.topology.data().size.memory_bytes, 4 * gibi);
    EXPECT_EQ(result.next.kind, action_kind::none);
}

}  // namespace
}  // namespace domain
