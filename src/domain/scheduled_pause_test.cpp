#include "domain/scheduled_pause.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"
#include "domain/operation_lifecycle.hpp"

namespace domain {
namespace {

using namespace std::chrono_literals;

instant at(std::string_view text) {
    return base::from_rfc3339(text).value();
}

const schedule nights{.off = {{.days = 0b0011111, .begin = 20 * 60, .end = 6 * 60}}};
const auto monday_noon = at("2025-11-24T12:00:00Z");
const auto monday_evening = at("2025-11-24T20:00:00Z");
const auto monday_night = at("2025-11-24T22:00:00Z");
const auto tuesday_morning = at("2025-11-25T06:00:00Z");

// A running database that has had its schedule since noon.
database scheduled() {
    database record{.id = "db-a", .project = "shop", .name = "cache", .engine = "redis"};
    record.topology.data().size = {.cpu_millis = 100, .memory_bytes = 256 << 20};
    record.topology.data().storage.bytes = std::int64_t(1) << 30;
    record.object_uid = "uid-1";
    const auto before = record;
    record.schedule = nights;
    note_schedule_change(before, record, monday_noon);
    return record;
}

database with_active(operation_kind kind) {
    auto record = scheduled();
    begin_operation(record, {.id = "op-1", .kind = kind}, monday_noon);
    return record;
}

TEST(scheduled_pause, has_no_due_edge_before_the_next_window) {
    const auto record = scheduled();
    EXPECT_EQ(record.schedule_handled_until, monday_noon);
    EXPECT_FALSE(due_edge(record, monday_evening - 1us));
    const schedule_edge pause{.time = monday_evening, .action = schedule_action::pause};
    EXPECT_EQ(due_edge(record, monday_evening), pause);
    EXPECT_EQ(planned_edge(record), pause);
}

TEST(scheduled_pause, begins_an_operation_of_the_schedule_and_handles_the_edge) {
    const auto record = scheduled();
    const auto pause = apply_edge(record, *due_edge(record, monday_night), "op-2", monday_night);
    EXPECT_EQ(pause.outcome, edge_outcome::begun);
    EXPECT_TRUE(pause.record.paused);
    EXPECT_EQ(pause.record.schedule_handled_until, monday_evening);
    ASSERT_EQ(pause.record.operations.size(), 1U);
    EXPECT_EQ(pause.record.operations[0].id, "op-2");
    EXPECT_EQ(pause.record.operations[0].kind, operation_kind::pause);
    EXPECT_EQ(pause.record.operations[0].requested_by, "schedule");
    EXPECT_FALSE(due_edge(pause.record, tuesday_morning - 1us));
    const auto edge = due_edge(pause.record, tuesday_morning);
    ASSERT_TRUE(edge);
    const auto resume = apply_edge(pause.record, *edge, "op-3", tuesday_morning);
    EXPECT_EQ(resume.outcome, edge_outcome::begun);
    EXPECT_FALSE(resume.record.paused);
    EXPECT_EQ(resume.record.operations.at(0).phase, operation_phase::superseded);
    EXPECT_EQ(resume.record.operations.at(1).kind, operation_kind::resume);
}

TEST(scheduled_pause, applies_only_the_latest_of_several_missed_edges) {
    const auto record = scheduled();
    const auto edge = due_edge(record, tuesday_morning + 1h);
    ASSERT_TRUE(edge);
    EXPECT_EQ(edge->time, tuesday_morning);
    const auto applied = apply_edge(record, *edge, "op-2", tuesday_morning + 1h);
    EXPECT_EQ(applied.outcome, edge_outcome::unchanged);
    EXPECT_TRUE(applied.record.operations.empty());
    EXPECT_FALSE(due_edge(applied.record, tuesday_morning + 1h));
}

TEST(scheduled_pause, leaves_a_change_by_hand_alone_until_the_next_edge) {
    auto record = scheduled();
    record = apply_edge(record, *due_edge(record, monday_evening), "op-2", monday_evening).record;
    auto resumed = record;
    resumed.paused = false;
    note_schedule_change(record, resumed, monday_night);
    EXPECT_EQ(resumed.schedule_handled_until, monday_night);
    EXPECT_FALSE(due_edge(resumed, tuesday_morning - 1us));
    EXPECT_EQ(planned_edge(resumed)->time, tuesday_morning);
}

// The user's change and the edge race for the record.
TEST(scheduled_pause, is_overtaken_by_a_later_change_by_hand) {
    auto before = scheduled();
    before.paused = true;
    auto after = before;
    after.paused = false;
    note_schedule_change(before, after, monday_evening + 1ms);
    EXPECT_FALSE(due_edge(after, monday_evening + 2ms));
}

TEST(scheduled_pause, pauses_at_once_if_the_new_schedule_has_a_present_window) {
    auto before = scheduled();
    before.schedule.reset();
    auto after = before;
    after.schedule = nights;
    note_schedule_change(before, after, monday_night);
    const auto edge = due_edge(after, monday_night);
    ASSERT_TRUE(edge);
    EXPECT_EQ(edge->action, schedule_action::pause);
    EXPECT_EQ(planned_edge(after), edge);
}

TEST(scheduled_pause, changes_nothing_at_once_outside_of_the_windows_of_a_new_schedule) {
    auto before = scheduled();
    before.paused = true;
    auto after = before;
    after.schedule->off[0].begin = 23 * 60;
    note_schedule_change(before, after, monday_night);
    EXPECT_FALSE(due_edge(after, monday_night));
    EXPECT_EQ(due_edge(after, monday_night + 1h)->action, schedule_action::pause);
}

TEST(scheduled_pause, prefers_a_pause_by_hand_in_the_patch_that_sets_the_schedule) {
    auto before = scheduled();
    before.paused = true;
    before.schedule.reset();
    auto after = before;
    after.paused = false;
    after.schedule = nights;
    note_schedule_change(before, after, monday_night);
    EXPECT_FALSE(due_edge(after, monday_night));
    EXPECT_EQ(due_edge(after, tuesday_morning)->action, schedule_action::resume);
}

TEST(scheduled_pause, forgets_its_edges_with_the_schedule) {
    auto before = scheduled();
    auto after = before;
    after.schedule.reset();
    note_schedule_change(before, after, monday_night);
    EXPECT_EQ(after.schedule_handled_until, instant{});
    EXPECT_FALSE(due_edge(after, monday_night));
    EXPECT_FALSE(planned_edge(after));
}

TEST(scheduled_pause, does_not_depend_on_other_changes) {
    const auto before = scheduled();
    auto after = before;
    after.labels["team"] = "shop";
    note_schedule_change(before, after, monday_night);
    EXPECT_EQ(after.schedule_handled_until, before.schedule_handled_until);
}

TEST(scheduled_pause, waits_for_the_end_of_other_operations) {
    using enum operation_kind;
    for (const auto kind : {create, update, recreate}) {
        auto record = with_active(kind);
        const auto edge = due_edge(record, monday_evening);
        ASSERT_TRUE(edge);
        const auto waiting = apply_edge(record, *edge, "op-2", monday_evening);
        EXPECT_EQ(waiting.outcome, edge_outcome::waits) << name(kind);
        EXPECT_EQ(waiting.record, record) << name(kind);
        finish(*active_operation(record), operation_phase::succeeded, monday_evening);
        EXPECT_EQ(apply_edge(record, *edge, "op-2", monday_evening).outcome, edge_outcome::begun);
    }
}

TEST(scheduled_pause, waits_while_the_database_has_no_object) {
    auto record = scheduled();
    record.object_uid.clear();
    const auto waiting =
        apply_edge(record, *due_edge(record, monday_evening), "op-2", monday_evening);
    EXPECT_EQ(waiting.outcome, edge_outcome::waits);
    EXPECT_EQ(waiting.record, record);
}

TEST(scheduled_pause, ignores_a_database_that_is_being_deleted) {
    auto record = scheduled();
    record.deleted = true;
    EXPECT_FALSE(due_edge(record, monday_night));
    EXPECT_FALSE(planned_edge(record));
}

TEST(scheduled_pause, drops_an_edge_that_the_engine_rejects) {
    auto record = scheduled();
    record.topology.data().storage.type = storage_type::ephemeral;
    const auto rejected =
        apply_edge(record, *due_edge(record, monday_evening), "op-2", monday_evening);
    EXPECT_EQ(rejected.outcome, edge_outcome::rejected);
    EXPECT_FALSE(rejected.reason.empty());
    EXPECT_FALSE(rejected.record.paused);
    EXPECT_FALSE(due_edge(rejected.record, monday_evening));
}

}  // namespace
}  // namespace domain
