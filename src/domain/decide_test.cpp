#include "domain/decide.hpp"

#include <gtest/gtest.h>

#include "domain/engines.hpp"

#include "domain/failure_cause.hpp"
#include "domain/status.hpp"

namespace domain {
namespace {

using std::chrono::seconds;

constexpr std::int64_t gibi = std::int64_t(1) << 30;
const base::instant start{seconds(1'000'000)};

database wanted_database() {
    database record;
    record.id = "db-a";
    record.project = "shop";
    record.name = "orders";
    record.engine = "postgres";
    record.version = "17.9";
    record.topology.data().size = {.cpu_millis = 500, .memory_bytes = gibi};
    record.topology.data().storage.bytes = 10 * gibi;
    begin_operation(record, {.id = "op-1", .kind = operation_kind::create}, start);
    return record;
}

// The object as the cluster would show it when it is what the record wants.
observed_database shown(const database& record, observed_phase phase) {
    return {.exists = true,
            .uid = "uid-1",
            .owner_database_id = record.id,
            .phase = phase,
            .version = record.version,
            .topology = record.topology,
            .paused = record.paused,
            .labels = record.labels};
}

void scale_to_three(database& record) {
    record.topology.mode = topology_mode::replicated;
    record.topology.data().replicas = 3;
}

database running_database() {
    auto record = wanted_database();
    record.object_uid = "uid-1";
    record.was_ready = true;
    finish(*active_operation(record), operation_phase::succeeded, start);
    return record;
}

decide_context at(seconds later = {}) {
    return {.now = start + later};
}

status_phase phase_of(const database& record, const observed_database& observed) {
    return derive_status(record, &observed, {.cluster_known = true}).phase;
}

observed_change change(change_kind kind, change_phase phase, std::string operation_id) {
    return {.name = "c",
            .kind = kind,
            .phase = phase,
            .operation_id = std::move(operation_id),
            .created_at = start};
}

TEST(decide, waits_until_the_cluster_was_heard) {
    const auto record = wanted_database();
    const auto result = decide(record, nullptr, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_FALSE(result.record_changed);
}

TEST(decide, creates_an_object_that_was_never_made) {
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
    context.awaiting_first_sight = true;
    EXPECT_EQ(decide(record, &nothing, context).next.kind, action_kind::none);

    auto observed = shown(record, observed_phase::provisioning);
    record = decide(record, &observed, at(seconds(2))).record;
    EXPECT_NE(active_operation(record), nullptr);
    EXPECT_EQ(phase_of(record, observed), status_phase::provisioning);

    observed.phase = observed_phase::ready;
    const auto last = decide(record, &observed, at(seconds(9)));
    EXPECT_EQ(last.record.operations.back().phase, operation_phase::succeeded);
    EXPECT_EQ(last.record.operations.back().progress, 100);
    EXPECT_EQ(last.record.operations.back().finished_at, start + seconds(9));
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

TEST(after_failure, tries_again_what_may_pass) {
    const auto record = wanted_database();
    for (const auto code :
         {base::errc::unavailable, base::errc::timed_out, base::errc::precondition}) {
        const auto result = after_failure(record, nullptr, {.kind = action_kind::create_object},
                                          {.code = code, .text = "later"}, at());
        EXPECT_TRUE(result.retry);
        EXPECT_NE(active_operation(result.record), nullptr);
    }
    EXPECT_TRUE(
        after_failure(
            record, nullptr, {.kind = action_kind::create_object},
            {.code = base::errc::conflict, .text = "x", .cause = domain::failure_cause::deleting},
            at())
            .retry);
}

TEST(after_failure, ends_the_operation_for_good_otherwise) {
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

TEST(after_failure, never_gives_up_a_deletion) {
    auto record = running_database();
    record.deleted = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::delete_database}, start);
    const auto result = after_failure(record, nullptr, {.kind = action_kind::remove_object},
                                      {.code = base::errc::denied, .text = "forbidden"}, at());
    EXPECT_TRUE(result.retry);
    EXPECT_EQ(active_operation(result.record)->error_message, "forbidden");
}

TEST(decide, shows_a_vanished_object_and_does_not_make_it_again) {
    const auto record = running_database();
    const observed_database nothing;
    const auto result = decide(record, &nothing, at());
    EXPECT_EQ(result.next.kind, action_kind::none);
    EXPECT_FALSE(result.record_changed);
    const auto status = derive_status(record, &nothing, {.cluster_known = true});
    EXPECT_EQ(status.phase, status_phase::failed);
    EXPECT_EQ(status.reason, "object_missing");
}

TEST(decide, ends_the_operation_of_a_vanished_object) {
    auto record = running_database();
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    const observed_database nothing;
    EXPECT_EQ(decide(record, &nothing, at()).record.operations.back().error_code, "object_missing");
}

TEST(decide, treats_an_object_with_another_uid_as_missing) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.uid = "uid-2";
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none);
    EXPECT_EQ(phase_of(record, observed), status_phase::failed);
}

TEST(decide, asks_for_one_change_at_a_time_and_ends_when_the_spec_has_arrived) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    record.topology.data().storage.bytes = 20 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);

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
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    observed.changes.push_back(change(change_kind::restart, change_phase::progressing, ""));
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none);
}

TEST(decide, goes_back_to_what_is_when_a_change_failed) {
    auto record = running_database();
    const auto before = record;
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 64 * gibi;
    scale_to_three(record);
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    observed.changes.push_back(change(change_kind::vertical_scaling, change_phase::failed, "op-2"));
    observed.changes.back().message = "not enough memory";
    const auto result = decide(record, &observed, at());
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    EXPECT_EQ(result.record.operations.back().error_message, "not enough memory");
    EXPECT_EQ(result.record.topology.data().size, before.topology.data().size);
    EXPECT_EQ(result.record.topology, before.topology);
    EXPECT_EQ(decide(result.record, &observed, at()).next.kind, action_kind::none);
}

TEST(decide, waits_with_members_until_the_database_is_healthy) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::not_ready);
    scale_to_three(record);
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    for (const auto phase : {observed_phase::not_ready, observed_phase::provisioning,
                             observed_phase::unknown, observed_phase::restoring}) {
        observed.phase = phase;
        EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::none) << name(phase);
    }
    observed.phase = observed_phase::critical;
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::request_change);
}

// A full disk, or too little memory to start: only a larger size brings the database back. A
// database that is still starting is not scaled.
TEST(decide, scales_a_broken_database) {
    auto grown = running_database();
    grown.topology.data().storage.bytes *= 2;
    auto stronger = running_database();
    stronger.topology.data().size.memory_bytes *= 2;
    for (auto record : {grown, stronger}) {
        begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
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

TEST(decide, asks_for_no_expansion_where_there_is_no_volume) {
    auto record = running_database();
    record.topology.data().storage.type = storage_type::ephemeral;
    auto observed = shown(record, observed_phase::ready);
    const auto present = record.topology.data().storage.bytes;
    for (const auto bytes : {present / 2, present * 2}) {
        observed.topology.data().storage.bytes = bytes;
        EXPECT_EQ(next_change(record, observed), std::nullopt);
    }
}

// A RedisSentinel is not observed: what the record says of it is not a difference.
TEST(decide, compares_every_group_that_the_observation_shows) {
    auto record = running_database();
    record.engine = "mongodb";
    record.topology.mode = topology_mode::cluster;
    record.topology.groups.push_back({.role = "config", .replicas = 3, .storage = {.bytes = gibi}});
    record.topology.groups.push_back({.role = "router", .replicas = 2});
    auto observed = shown(record, observed_phase::ready);
    EXPECT_EQ(next_change(record, observed), std::nullopt);
    record.topology.find("router")->replicas = 4;
    EXPECT_EQ(next_change(record, observed), change_kind::horizontal_scaling);
    record.topology.find("router")->size.cpu_millis = 900;
    EXPECT_EQ(next_change(record, observed), change_kind::vertical_scaling);
    record.topology.find("config")->storage.bytes = 2 * gibi;
    EXPECT_EQ(next_change(record, observed), change_kind::volume_expansion);
    observed.topology.groups.resize(1);
    EXPECT_EQ(next_change(record, observed), std::nullopt);
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

TEST(decide, ends_an_overdue_change_and_forgets_what_it_wanted) {
    auto record = running_database();
    const auto before = record.topology.data().size;
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::progressing, "op-2"));
    record = decide(record, &observed, at()).record;
    const auto result = decide(record, &observed, at(seconds(901)));
    EXPECT_EQ(result.record.operations.back().phase, operation_phase::failed);
    EXPECT_EQ(result.record.topology.data().size, before);
}

TEST(decide, pauses_and_resumes_through_the_object) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.paused = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::pause}, start);
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
    begin_operation(record, {.id = "op-3", .kind = operation_kind::resume}, start);
    result = decide(record, &observed, at());
    EXPECT_EQ(result.next.kind, action_kind::update_object);
    record = after_success(result.record, result.next, "", false, at());
    observed.paused = false;
    EXPECT_EQ(phase_of(record, observed), status_phase::updating);
    observed.phase = observed_phase::ready;
    EXPECT_EQ(decide(record, &observed, at()).record.operations.back().phase,
              operation_phase::succeeded);
}

TEST(decide, a_resume_whose_time_is_over_is_not_wanted_any_more) {
    auto record = running_database();
    record.paused = true;
    const auto observed = shown(record, observed_phase::halted);
    record.paused = false;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::resume}, start);
    record = decide(record, &observed, at()).record;
    record = decide(record, &observed, at(seconds(901))).record;
    EXPECT_EQ(record.operations.back().error_code, "timed_out");
    EXPECT_TRUE(record.paused);
    EXPECT_EQ(decide(record, &observed, at(seconds(902))).next.kind, action_kind::none);
}

// The platform was down while the cluster worked.
TEST(decide, does_not_time_out_an_operation_that_has_succeeded) {
    auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    record.topology.data().size.memory_bytes = 2 * gibi;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    record = decide(record, &observed, at()).record;
    observed.changes.push_back(
        change(change_kind::vertical_scaling, change_phase::successful, "op-2"));
    observed.topology.data().size = record.topology.data().size;
    record = decide(record, &observed, at(seconds(5000))).record;
    EXPECT_EQ(record.operations.back().phase, operation_phase::succeeded);
}

TEST(decide, a_creation_whose_uid_was_not_noted_is_not_overdue) {
    const observed_database nothing;
    const auto begun = decide(wanted_database(), &nothing, at()).record;
    const auto observed = shown(begun, observed_phase::ready);
    EXPECT_EQ(decide(begun, &observed, at(seconds(5000))).next.kind, action_kind::create_object);
}

TEST(decide, gives_an_operation_its_timeout_after_a_downtime) {
    const observed_database nothing;
    const auto late = decide(wanted_database(), &nothing, at(seconds(5000)));
    EXPECT_EQ(late.next.kind, action_kind::create_object);
    const auto later = decide(late.record, &nothing, at(seconds(5901)));
    EXPECT_EQ(later.record.operations.back().error_code, "timed_out");
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

TEST(decide, mends_labels_that_were_changed_behind_its_back) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::ready);
    observed.labels["team"] = "x";
    EXPECT_EQ(decide(record, &observed, at()).next.kind, action_kind::update_object);
}

TEST(decide, removes_the_record_only_after_a_look_that_found_nothing) {
    auto record = running_database();
    record.deleted = true;
    begin_operation(record, {.id = "op-2", .kind = operation_kind::delete_database}, start);
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

TEST(begin_operation, supersedes_an_update_and_cancels_for_a_deletion) {
    auto record = running_database();
    begin_operation(record, {.id = "op-2", .kind = operation_kind::update}, start);
    begin_operation(record, {.id = "op-3", .kind = operation_kind::update}, start);
    begin_operation(record, {.id = "op-4", .kind = operation_kind::delete_database}, start);
    ASSERT_EQ(record.operations.size(), 4u);
    EXPECT_EQ(record.operations[1].phase, operation_phase::superseded);
    EXPECT_EQ(record.operations[2].phase, operation_phase::cancelled);
    EXPECT_EQ(active_operation(record)->id, "op-4");
    EXPECT_EQ(active_operation(record)->database_id, "db-a");
}

TEST(begin_operation, keeps_a_bounded_number) {
    auto record = running_database();
    for (int i = 0; i < 50; ++i) {
        begin_operation(record, {.id = "op-" + std::to_string(i), .kind = operation_kind::update},
                        start);
    }
    EXPECT_EQ(record.operations.size(), operations_kept_max);
    EXPECT_EQ(active_operation(record)->id, "op-49");
}

TEST(derive_status, calls_a_lost_engine_degraded_with_the_cause) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::not_ready);
    observed.conditions.push_back(
        {.type = "AcceptingConnection", .status = false, .message = "connection refused"});
    const auto status = derive_status(record, &observed, {.cluster_known = true});
    EXPECT_EQ(status.phase, status_phase::degraded);
    EXPECT_EQ(status.reason, "not_accepting_connections");
    EXPECT_EQ(status.message, "connection refused");
}

TEST(derive_status, counts_members_when_nothing_else_is_known) {
    const auto record = running_database();
    auto observed = shown(record, observed_phase::critical);
    observed.members = {{.name = "orders-0", .ready = true}, {.name = "orders-1"}};
    const auto status = derive_status(record, &observed, {.cluster_known = true});
    EXPECT_EQ(status.reason, "members_not_ready");
    EXPECT_EQ(status.message, "1 of 2 members are ready");
}

TEST(derive_status, is_unknown_until_the_cluster_was_read) {
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
