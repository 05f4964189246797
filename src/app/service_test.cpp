#include "app/service.hpp"

#include "test/support/service_stage.hpp"

namespace {

using domain::observed_phase;
using domain::operation_phase;
using domain::status_phase;
using namespace std::chrono_literals;

class service : public fakes::service_stage {};

TEST_F(service, creates_a_database) {
    const auto created = create("cache");
    ASSERT_TRUE(created) << created.error().text;
    EXPECT_EQ(phase("cache"), status_phase::provisioning);
    EXPECT_TRUE(cluster_.has("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(phase("cache"), status_phase::running);
    EXPECT_EQ(operation(created), operation_phase::succeeded);
    EXPECT_TRUE(seen_->in_order);
}

// The process ended after it deleted the record and before it deleted the history.
TEST_F(service, deletes_the_history_of_a_deleted_database_after_a_restart) {
    create_ready("cache");
    const auto id = id_of("cache");
    ASSERT_TRUE(remove("cache"));
    clock_.advance(6s);
    settle();
    ASSERT_FALSE(seen_->databases.contains("cache"));
    stop();
    ASSERT_TRUE((await<ports::revision>([&] {
        return store_.put({.collection = "history",
                           .content = {.id = id + "/000000000001",
                                       .body = "left behind",
                                       .index = {{"database", id}}},
                           .expected = 0});
    })));
    start();
    stop();  // flushes
    const auto left = await<ports::page>([&] {
        return store_.find(
            {.collection = "history", .index_name = "database", .index_value = id, .limit = 10});
    });
    ASSERT_TRUE(left) << left.error().text;
    EXPECT_TRUE(left->items.empty());
    start();
}

TEST_F(service, deletes_a_database_and_keeps_the_operation) {
    create_ready("cache");
    const auto deleted = remove("cache");
    ASSERT_TRUE(deleted);
    clock_.advance(6s);
    settle();
    ASSERT_FALSE(seen_->databases.contains("cache"));
    EXPECT_EQ(operation(deleted), operation_phase::succeeded);
    EXPECT_FALSE(cluster_.has("cache"));
    for (const auto* const kind : {"create", "delete"}) {
        const auto& ended = registry_->make_counter(
            "dbaas_operations_total", "Operations that ended, by the phase in which they ended.",
            {{"kind", kind}, {"phase", "succeeded"}});
        EXPECT_EQ(ended.value(), 1) << kind;
    }
    stop();
    start();
    EXPECT_EQ(operation(deleted), operation_phase::succeeded);
}

TEST_F(service, continues_an_operation_after_a_restart) {
    const auto created = create("cache");
    stop();
    start();
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(operation(created), operation_phase::succeeded);
    EXPECT_EQ(cluster_.size(), 1U);
}

TEST_F(service, does_not_create_a_deleted_default_project_again) {
    const domain::project_request wanted{.name = "shop"};
    ASSERT_TRUE(create_project(wanted));
    ASSERT_TRUE(await<void>([&] { return projects().delete_project("default", {}, caller_); }));
    stop();
    start();
    EXPECT_FALSE(create("cache"));
    EXPECT_TRUE(create("cache", "shop"));
}

TEST_F(service, reports_a_loop_without_progress_as_stalled) {
    EXPECT_EQ(health_->state(app::background::status_sync, clock_.now()),
              app::component_state::running);
    clock_.advance(60s);
    EXPECT_EQ(health_->state(app::background::status_sync, clock_.now()),
              app::component_state::stalled);
}

TEST_F(service, pauses_and_resumes_a_database_by_its_schedule) {
    create_ready("cache");
    domain::patch_request wanted;
    // The clock starts at 14:30 on a Monday.
    wanted.schedule.emplace(domain::schedule_request{
        .off = std::vector<domain::off_window_request>{
            {.days = std::vector<std::string>{"mon"}, .begin = "15:00", .end = "15:30"}}});
    ASSERT_TRUE(patch("cache", wanted));
    clock_.advance(30min);
    settle();
    EXPECT_EQ(phase("cache"), status_phase::paused);
    clock_.advance(10s);
    settle();
    const auto& operations = seen_->databases.at("cache")->record->operations;
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_EQ(operations[1].requested_by, "schedule");
    EXPECT_EQ(operations[1].phase, operation_phase::succeeded);
    stop();
    start();
    EXPECT_EQ(seen_->databases.at("cache")->record->operations.size(), 2U);
    clock_.advance(30min);
    settle();
    EXPECT_FALSE(seen_->databases.at("cache")->record->paused);
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(phase("cache"), status_phase::running);
}

}  // namespace
