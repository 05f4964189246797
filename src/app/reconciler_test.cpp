#include "app/reconciler.hpp"

#include "test/support/service_stage.hpp"

namespace {

using domain::observed_phase;
using domain::operation_phase;
using domain::status_phase;
using namespace std::chrono_literals;

class reconciler : public fakes::service_stage {};

TEST_F(reconciler, creates_the_object_once_if_the_response_was_lost) {
    cluster_.lose_next_response();
    const auto created = create("cache");
    ASSERT_TRUE(created);
    clock_.advance(10s);
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(operation(created), operation_phase::succeeded);
    EXPECT_EQ(cluster_.size(), 1U);
}

TEST_F(reconciler, fails_the_operation_with_the_cause_if_the_cluster_rejects_the_create) {
    cluster_.fail_next("create", {base::errc::denied, "not allowed to"});
    const auto created = create("cache");
    ASSERT_TRUE(created);
    EXPECT_EQ(operation(created), operation_phase::failed);
    EXPECT_EQ(phase("cache"), status_phase::failed);
    EXPECT_NE(seen_->databases.at("cache")->status.message.find("not allowed to"),
              std::string::npos);
}

TEST_F(reconciler, runs_the_changes_of_a_patch_one_after_the_other) {
    create_ready("cache");
    const auto grown = patch("cache", {.size = domain::size_request{.preset = "small"},
                                       .storage = domain::storage_request{.size = "20Gi"}});
    ASSERT_TRUE(grown) << grown.error().text;
    EXPECT_EQ(operation(grown), operation_phase::running);
    cluster_.finish_change("cache", domain::change_phase::successful);
    settle();
    clock_.advance(6s);
    cluster_.finish_change("cache", domain::change_phase::successful);
    settle();
    EXPECT_EQ(operation(grown), operation_phase::succeeded);
}

TEST_F(reconciler, restores_the_previous_size_after_a_failed_change) {
    create_ready("cache");
    const auto before = seen_->databases.at("cache")->record->topology.data().size;
    const auto grown = patch("cache", {.size = domain::size_request{.preset = "large"}});
    cluster_.finish_change("cache", domain::change_phase::failed);
    settle();
    EXPECT_EQ(operation(grown), operation_phase::failed);
    EXPECT_EQ(seen_->databases.at("cache")->record->topology.data().size, before);
}

TEST_F(reconciler, reports_a_missing_object_and_creates_it_again_on_request_only) {
    create_ready("cache");
    cluster_.delete_object("cache");
    settle();
    EXPECT_EQ(seen_->databases.at("cache")->status.reason, "object_missing");
    EXPECT_FALSE(cluster_.has("cache"));
    const auto recreated = await<app::accepted>(
        [&] { return databases().recreate_database(id_of("cache"), {}, caller_); });
    ASSERT_TRUE(recreated) << recreated.error().text;
    EXPECT_TRUE(cluster_.has("cache"));
}

// A slow API server returns the lists one after the other.
TEST_F(reconciler, keeps_an_operation_running_if_the_pods_are_listed_before_their_object) {
    const auto created = create("cache");
    cluster_.report("cache", observed_phase::provisioning);
    settle();
    stop();
    cluster_.start_as(ports::sync_state::starting);
    start();
    cluster_.publish_without_object("cache");
    settle();
    EXPECT_EQ(operation(created), operation_phase::running);
    cluster_.set_sync_state(ports::sync_state::synced);
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(operation(created), operation_phase::succeeded);
}

TEST_F(reconciler, keeps_an_object_of_another_owner) {
    domain::database foreign{
        .id = "db-other", .project = "default", .name = "cache", .engine = "redis"};
    ASSERT_TRUE((await<std::string>([&] { return cluster_.create(foreign); })));
    const auto created = create("cache");
    EXPECT_EQ(operation(created), operation_phase::failed);
    EXPECT_TRUE(cluster_.has("cache"));
}

// No watch has reported that the object was deleted.
TEST_F(reconciler, reports_a_missing_object_after_a_change_that_did_not_find_it) {
    create_ready("cache");
    cluster_.delete_unnoticed("cache");
    EXPECT_EQ(phase("cache"), status_phase::running);
    const auto grown = patch("cache", {.size = domain::size_request{.preset = "large"}});
    ASSERT_TRUE(grown);
    EXPECT_EQ(operation(grown), operation_phase::failed);
    EXPECT_EQ(seen_->operations.at(grown->operation->id).error_code, "object_missing");
    EXPECT_EQ(phase("cache"), status_phase::failed);
    EXPECT_EQ(seen_->databases.at("cache")->status.reason, "object_missing");
}

TEST_F(reconciler, reports_a_missing_object_after_an_update_that_did_not_find_it) {
    create_ready("cache");
    cluster_.delete_unnoticed("cache");
    ASSERT_TRUE(patch("cache", {.labels = domain::label_changes{{"team", "a"}}}));
    EXPECT_EQ(seen_->databases.at("cache")->status.reason, "object_missing");
}

}  // namespace
