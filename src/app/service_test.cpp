#include "app/service.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "test/support/fake_cluster.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using domain::observed_phase;
using domain::operation_phase;
using domain::status_phase;
using namespace std::chrono_literals;

// Records the latest view of every database and operation.
class watcher final : public app::platform_listener {
  public:
    std::map<std::string, std::shared_ptr<const app::database_view>> databases;  // by name
    std::map<std::string, domain::operation> operations;
    std::uint64_t latest = 0;
    bool in_order = true;

    void on_database(std::shared_ptr<const app::database_view> view, app::change) override {
        in_order = in_order && view->version > latest;
        latest = view->version;
        databases[view->record->name] = view;
    }
    void on_database_deleted(std::shared_ptr<const app::database_view> last) override {
        databases.erase(last->record->name);
    }
    void on_operation(std::shared_ptr<const domain::operation> operation) override {
        operations[operation->id] = *operation;
    }
    void on_operation_forgotten(const std::string& id) override { operations.erase(id); }
    void on_project(std::shared_ptr<const domain::project>) override {}
    void on_project_deleted(const std::string&) override {}
    void on_catalogue(std::shared_ptr<const ports::catalogue>) override {}
};

class service : public testing::Test {
  protected:
    void SetUp() override { start(); }
    void TearDown() override { stop(); }

    void start() {
        health_ = std::make_unique<app::readiness>();
        registry_ = std::make_unique<obs::registry>();
        service_ = app::make_service({.executor = loop_.executor(),
                                      .store = gate_,
                                      .cluster = cluster_,
                                      .metrics = metrics_,
                                      .clock = clock_,
                                      .log = obs::null_log(),
                                      .registry = *registry_,
                                      .health = *health_},
                                     {.metrics_interval = 10s, .provision_timeout = 100s});
        seen_ = std::make_unique<watcher>();
        group_ = std::make_unique<aio::task_group>(loop_.executor());
        ASSERT_TRUE(await<void>([this] { return service_->load(); }));
        service_->listen(*seen_);
        group_->spawn(service_->run());
        settle();
    }
    void stop() {
        group_->cancel();
        while (group_->size() > 0) loop_.poll();
        (void)await<void>([this] { return service_->close(); });
        service_.reset();
    }
    void settle() {
        for (int quiet = 0; quiet < 20;) quiet = loop_.poll() == 0 ? quiet + 1 : 0;
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        auto result = fakes::poll_until_done<T>(loop_, std::move(start));
        settle();
        return result;
    }
    base::outcome<app::accepted> create(const std::string& name,
                                        const std::string& project = "default") {
        domain::create_request wanted{.project = project, .name = name, .engine = "redis"};
        return await<app::accepted>([&] { return service_->create_database(wanted, {}, caller_); });
    }
    base::outcome<app::accepted> patch(const std::string& name, domain::patch_request wanted,
                                       app::write_conditions conditions = {}) {
        return await<app::accepted>(
            [&] { return service_->patch_database(id_of(name), wanted, conditions, caller_); });
    }
    base::outcome<app::accepted> remove(const std::string& name) {
        return await<app::accepted>(
            [&] { return service_->delete_database(id_of(name), {}, caller_); });
    }
    std::string id_of(const std::string& name) { return seen_->databases.at(name)->record->id; }
    status_phase phase(const std::string& name) { return seen_->databases.at(name)->status.phase; }
    operation_phase operation(const base::outcome<app::accepted>& accepted) {
        return seen_->operations.at(accepted->operation->id).phase;
    }

    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::fake_cluster cluster_{clock_};
    fakes::fake_metrics_source metrics_{clock_};
    aio::loop loop_;
    fakes::gated_store gate_{store_, loop_.executor()};
    std::unique_ptr<app::readiness> health_;
    std::unique_ptr<obs::registry> registry_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<watcher> seen_;
    std::unique_ptr<aio::task_group> group_;
    app::caller caller_{.subject = "tester"};
};

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

TEST_F(service, applies_200_concurrent_patches_of_one_database) {
    constexpr int patches = 200;
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    const auto id = id_of("cache");
    const auto revision_before = seen_->databases.at("cache")->record->revision;
    gate_.yield_in_writes();
    aio::task_group clients(loop_.executor());
    std::vector<std::string> errors;
    for (int number = 0; number < patches; ++number) {
        clients.spawn([this, id, number, &errors]() -> aio::task<> {
            domain::patch_request wanted{
                .labels = domain::label_changes{
                    {fmt::format("label-{}", number % 8), std::to_string(number)}}};
            auto patched = co_await service_->patch_database(id, wanted, {}, caller_);
            if (!patched) errors.push_back(patched.error().text);
            co_return base::outcome<void>{};
        });
    }
    while (clients.size() > 0) loop_.poll();
    EXPECT_THAT(errors, testing::IsEmpty());
    const auto record = seen_->databases.at("cache")->record;
    EXPECT_GE(record->revision, revision_before + patches);
    for (int label = 0; label < 8; ++label) {
        EXPECT_EQ(record->labels.at(fmt::format("label-{}", label)),
                  std::to_string(patches - 8 + label));
    }
    settle();
}

TEST_F(service, applies_200_concurrent_patches_of_one_project) {
    constexpr int patches = 200;
    gate_.yield_in_writes();
    aio::task_group clients(loop_.executor());
    std::vector<std::string> errors;
    for (int number = 0; number < patches; ++number) {
        clients.spawn([this, number, &errors]() -> aio::task<> {
            domain::project_request wanted{.display_name = std::to_string(number)};
            auto patched = co_await service_->patch_project("default", wanted, {}, caller_);
            if (!patched) errors.push_back(patched.error().text);
            co_return base::outcome<void>{};
        });
    }
    while (clients.size() > 0) loop_.poll();
    EXPECT_THAT(errors, testing::IsEmpty());
    const auto stored = aio::block_on(store_.get("projects", "default"));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->revision, 1 + patches);
}

TEST_F(service, creates_the_object_once_if_the_response_was_lost) {
    cluster_.lose_next_response();
    const auto created = create("cache");
    ASSERT_TRUE(created);
    clock_.advance(10s);
    cluster_.report("cache", observed_phase::ready);
    settle();
    EXPECT_EQ(operation(created), operation_phase::succeeded);
    EXPECT_EQ(cluster_.size(), 1U);
}

TEST_F(service, fails_the_operation_with_the_cause_if_the_cluster_rejects_the_create) {
    cluster_.fail_next("create", {base::errc::denied, "not allowed to"});
    const auto created = create("cache");
    ASSERT_TRUE(created);
    EXPECT_EQ(operation(created), operation_phase::failed);
    EXPECT_EQ(phase("cache"), status_phase::failed);
    EXPECT_NE(seen_->databases.at("cache")->status.message.find("not allowed to"),
              std::string::npos);
}

TEST_F(service, rejects_an_invalid_create_without_a_write) {
    ASSERT_TRUE(create("cache"));
    EXPECT_EQ(create("cache").error().reason, "already_exists");
    EXPECT_EQ(create("other", "nowhere").error().fields.at(0).pointer, "/project");
    const auto calls = store_.calls();
    EXPECT_EQ(create("Bad_Name").error().code, base::errc::invalid);
    EXPECT_EQ(store_.calls(), calls);
}

TEST_F(service, rejects_a_create_over_the_quota) {
    domain::project_request wanted{.name = "small", .max_databases = 1};
    ASSERT_TRUE((await<std::shared_ptr<const domain::project>>(
        [&] { return service_->create_project(wanted, {}, caller_); })));
    ASSERT_TRUE(create("one", "small"));
    EXPECT_EQ(create("two", "small").error().reason, "quota_exceeded");
    EXPECT_EQ((await<void>([&] { return service_->delete_project("small", {}, caller_); }))
                  .error()
                  .reason,
              "not_empty");
}

// Both patches check the quota before one of them is written.
TEST_F(service, accepts_one_of_two_concurrent_patches_at_the_quota) {
    domain::project_request wanted{.name = "small", .max_cpu = "1500m"};
    ASSERT_TRUE((await<std::shared_ptr<const domain::project>>(
        [&] { return service_->create_project(wanted, {}, caller_); })));
    for (const auto* name : {"one", "two"}) {
        ASSERT_TRUE(create(name, "small"));
        cluster_.report(name, observed_phase::ready);
        settle();
    }
    gate_.close_gate();
    std::vector<base::outcome<app::accepted>> results;
    aio::task_group both(loop_.executor());
    for (const auto* name : {"one", "two"}) {
        both.spawn([&, id = id_of(name)]() -> aio::task<> {
            domain::patch_request grown{.size = domain::size_request{.preset = "medium"}};
            results.push_back(co_await service_->patch_database(id, grown, {}, caller_));
            co_return base::ok();
        });
    }
    while (gate_.waiting() + static_cast<int>(results.size()) < 2) loop_.poll();
    gate_.open_gate();
    while (both.size() > 0) loop_.poll();
    ASSERT_EQ(results.size(), 2U);
    EXPECT_NE(results[0].has_value(), results[1].has_value());
    for (const auto& result : results) {
        if (!result) EXPECT_EQ(result.error().reason, "quota_exceeded");
    }
}

TEST_F(service, rejects_a_create_in_a_project_during_its_deletion) {
    domain::project_request wanted{.name = "short"};
    ASSERT_TRUE((await<std::shared_ptr<const domain::project>>(
        [&] { return service_->create_project(wanted, {}, caller_); })));
    gate_.close_gate();
    aio::task_group leaving(loop_.executor());
    leaving.spawn([&] { return service_->delete_project("short", {}, caller_); });
    while (gate_.waiting() == 0) loop_.poll();
    EXPECT_EQ(create("cache", "short").error().reason, "project_not_found");
    gate_.open_gate();
    while (leaving.size() > 0) loop_.poll();
}

// The process ended after it deleted the record and before it deleted the history.
TEST_F(service, deletes_the_history_of_a_deleted_database_after_a_restart) {
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    const auto id = id_of("cache");
    ASSERT_TRUE(remove("cache"));
    clock_.advance(6s);
    while (seen_->databases.contains("cache")) loop_.poll();
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

TEST_F(service, rejects_writes_while_the_store_is_unavailable) {
    store_.fail_next(1);
    const auto calls = store_.calls();
    const auto rejected = create("cache");
    EXPECT_EQ(rejected.error().code, base::errc::unavailable);
    EXPECT_EQ(rejected.error().reason, "store_not_ready");
    EXPECT_EQ(store_.calls(), calls);
    store_.fail_next(0);
    EXPECT_TRUE(create("cache"));
}

TEST_F(service, runs_the_changes_of_a_patch_one_after_the_other) {
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
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

TEST_F(service, restores_the_previous_size_after_a_failed_change) {
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    const auto before = seen_->databases.at("cache")->record->topology.data().size;
    const auto grown = patch("cache", {.size = domain::size_request{.preset = "large"}});
    cluster_.finish_change("cache", domain::change_phase::failed);
    settle();
    EXPECT_EQ(operation(grown), operation_phase::failed);
    EXPECT_EQ(seen_->databases.at("cache")->record->topology.data().size, before);
}

TEST_F(service, rejects_a_patch_of_a_stale_revision) {
    ASSERT_TRUE(create("cache"));
    const auto rejected = patch("cache", {.deletion_protection = true}, {.if_match = {{999}}});
    EXPECT_EQ(rejected.error().code, base::errc::precondition);
}

TEST_F(service, deletes_a_database_and_keeps_the_operation) {
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    const auto deleted = remove("cache");
    ASSERT_TRUE(deleted);
    clock_.advance(6s);
    // The reconciler waits in real time before it checks again. A new report ends the wait early.
    while (seen_->databases.contains("cache")) loop_.poll();
    EXPECT_EQ(operation(deleted), operation_phase::succeeded);
    EXPECT_FALSE(cluster_.has("cache"));
    stop();
    start();
    EXPECT_EQ(operation(deleted), operation_phase::succeeded);
}

TEST_F(service, rejects_the_deletion_of_a_protected_database) {
    ASSERT_TRUE(create("cache"));
    ASSERT_TRUE(patch("cache", {.deletion_protection = true}));
    EXPECT_EQ(remove("cache").error().reason, "deletion_protected");
}

TEST_F(service, reports_a_missing_object_and_creates_it_again_on_request_only) {
    ASSERT_TRUE(create("cache"));
    cluster_.report("cache", observed_phase::ready);
    settle();
    cluster_.delete_object("cache");
    settle();
    EXPECT_EQ(seen_->databases.at("cache")->status.reason, "object_missing");
    EXPECT_FALSE(cluster_.has("cache"));
    const auto recreated = await<app::accepted>(
        [&] { return service_->recreate_database(id_of("cache"), {}, caller_); });
    ASSERT_TRUE(recreated) << recreated.error().text;
    EXPECT_TRUE(cluster_.has("cache"));
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

// A slow API server returns the lists one after the other.
TEST_F(service, keeps_an_operation_running_if_the_pods_are_listed_before_their_object) {
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

TEST_F(service, does_not_create_a_deleted_default_project_again) {
    const domain::project_request wanted{.name = "shop"};
    ASSERT_TRUE((await<std::shared_ptr<const domain::project>>(
        [&] { return service_->create_project(wanted, {}, caller_); })));
    ASSERT_TRUE(await<void>([&] { return service_->delete_project("default", {}, caller_); }));
    stop();
    start();
    EXPECT_FALSE(create("cache"));
    EXPECT_TRUE(create("cache", "shop"));
}

TEST_F(service, keeps_an_object_of_another_owner) {
    domain::database foreign{
        .id = "db-other", .project = "default", .name = "cache", .engine = "redis"};
    ASSERT_TRUE((await<std::string>([&] { return cluster_.create(foreign); })));
    const auto created = create("cache");
    EXPECT_EQ(operation(created), operation_phase::failed);
    EXPECT_TRUE(cluster_.has("cache"));
}

TEST_F(service, replays_rejects_and_frees_idempotency_keys) {
    const auto begin = [&](const std::string& payload) {
        return await<app::idempotency_ticket>(
            [&] { return service_->begin_idempotent("k", payload); });
    };
    using enum app::idempotency_verdict;
    EXPECT_EQ(begin("a")->verdict, first);
    EXPECT_EQ(begin("a")->verdict, in_progress);
    EXPECT_EQ(begin("b")->verdict, other_payload);
    ASSERT_TRUE(await<void>([&] {
        return service_->finish_idempotent(
            "k", {.status = 202, .headers = {{"ETag", "1"}}, .body = "x"});
    }));
    const auto again = begin("a");
    EXPECT_EQ(again->verdict, replay);
    EXPECT_EQ(again->answer->body, "x");
    EXPECT_EQ(begin("b")->verdict, other_payload);
    clock_.advance(25h);
    EXPECT_EQ(begin("b")->verdict, first);
    ASSERT_TRUE(await<void>([&] { return service_->abandon_idempotent("k"); }));
    EXPECT_EQ(begin("c")->verdict, first);
}

// The process ends after the write and before it stores the response.
TEST_F(service, replays_a_repeated_write_from_its_record) {
    const auto begin = [&](const std::string& key, const std::string& payload) {
        return await<app::idempotency_ticket>(
            [&] { return service_->begin_idempotent(key, payload); });
    };
    const auto use_key = [&](const std::string& key) {
        caller_.idempotency_key = key;
        caller_.request_digest = "digest of " + key;
        EXPECT_EQ(begin(key, caller_.request_digest)->verdict, app::idempotency_verdict::first);
    };
    const auto restart = [&] {
        stop();
        start();
    };
    const auto expect_replay = [&](const std::string& key, domain::operation_kind kind) {
        const auto again = begin(key, "digest of " + key);
        ASSERT_TRUE(again) << again.error().text;
        ASSERT_EQ(again->verdict, app::idempotency_verdict::replay);
        EXPECT_EQ(again->done->operation->kind, kind);
        EXPECT_EQ(again->done->database->record->name, "cache");
        EXPECT_EQ(begin(key, "another")->verdict, app::idempotency_verdict::other_payload);
    };
    use_key("k-create");
    ASSERT_TRUE(create("cache"));
    restart();
    expect_replay("k-create", domain::operation_kind::create);
    cluster_.report("cache", observed_phase::ready);
    settle();
    use_key("k-update");
    ASSERT_TRUE(patch("cache", {.size = domain::size_request{.preset = "large"}}));
    restart();
    expect_replay("k-update", domain::operation_kind::update);
    cluster_.finish_change("cache", domain::change_phase::successful);
    settle();
    use_key("k-pause");
    ASSERT_TRUE(patch("cache", {.paused = true}));
    restart();
    expect_replay("k-pause", domain::operation_kind::pause);
    clock_.advance(25h);
    EXPECT_EQ(begin("k-create", "digest of k-create")->verdict, app::idempotency_verdict::first);
    cluster_.block_deletion("cache");
    use_key("k-remove");
    ASSERT_TRUE(remove("cache"));
    restart();
    expect_replay("k-remove", domain::operation_kind::delete_database);
}

TEST_F(service, replays_a_repeated_write_whose_response_the_store_lost) {
    caller_.idempotency_key = "k";
    caller_.request_digest = "d";
    const auto begin = [&] {
        return await<app::idempotency_ticket>([&] { return service_->begin_idempotent("k", "d"); });
    };
    EXPECT_EQ(begin()->verdict, app::idempotency_verdict::first);
    store_.lose_next_response();
    EXPECT_EQ(create("cache").error().code, base::errc::timed_out);
    ASSERT_TRUE(await<void>([&] { return service_->abandon_idempotent("k"); }));
    store_.fail_next(2);
    EXPECT_EQ(begin().error().code, base::errc::unavailable);
    store_.fail_next(0);
    const auto again = begin();
    ASSERT_TRUE(again) << again.error().text;
    ASSERT_EQ(again->verdict, app::idempotency_verdict::replay);
    EXPECT_EQ(again->done->database->record->name, "cache");

    cluster_.report("cache", observed_phase::ready);
    settle();
    caller_.idempotency_key = "k2";
    store_.lose_next_response();
    EXPECT_FALSE(patch("cache", {.size = domain::size_request{.preset = "large"}}));
    const auto changed =
        await<app::idempotency_ticket>([&] { return service_->begin_idempotent("k2", "d"); });
    ASSERT_TRUE(changed) << changed.error().text;
    ASSERT_EQ(changed->verdict, app::idempotency_verdict::replay);
    EXPECT_EQ(changed->done->operation->kind, domain::operation_kind::update);
}

TEST_F(service, reports_a_loop_without_progress_as_stalled) {
    EXPECT_EQ(health_->state(app::background::status_sync, clock_.now()),
              app::component_state::running);
    clock_.advance(60s);
    EXPECT_EQ(health_->state(app::background::status_sync, clock_.now()),
              app::component_state::stalled);
}

}  // namespace
