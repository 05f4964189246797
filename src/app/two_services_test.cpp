// Two platforms share one document store, as two processes do. Their clusters stay unsynced, so
// that only writes of records are exchanged.

#include <gtest/gtest.h>

#include "aio/aio.hpp"
#include "app/idempotency.hpp"
#include "app/service.hpp"
#include "app/usage_ledger.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/state_recorder.hpp"

namespace {

using namespace std::chrono_literals;
using base::errc;

// A cluster that has published its catalogue and is not synced. It rejects every call.
class unsynced_cluster final : public ports::cluster {
  public:
    aio::task<void> run(ports::cluster_observer& observer) override {
        auto catalogue = std::make_shared<ports::catalogue>();
        catalogue->engines["redis"] = {{.name = "7.0.15", .version = "7.0.15"}};
        observer.on_catalogue(std::move(catalogue));
        co_return co_await aio::until_cancelled();
    }
    aio::task<void> ensure_project(domain::project, std::string) override {
        return unavailable<void>();
    }
    aio::task<std::string> create(domain::database) override { return unavailable<std::string>(); }
    aio::task<void> update(domain::database) override { return unavailable<void>(); }
    aio::task<void> request_change(domain::database, domain::change_kind, std::string) override {
        return unavailable<void>();
    }
    aio::task<bool> remove(domain::database) override { return unavailable<bool>(); }
    aio::task<ports::credentials> read_credentials(domain::database, std::string) override {
        return unavailable<ports::credentials>();
    }
    [[nodiscard]] ports::sync_state state() const noexcept override {
        return ports::sync_state::starting;
    }

  private:
    template <class T>
    static aio::task<T> unavailable() {
        co_return base::fail(errc::unavailable, "the cluster is not synced");
    }
};

constexpr auto anti_entropy_interval = 15s;

struct process {
    process(aio::loop& loop, ports::document_store& store, const base::clock& clock)
        : metrics(clock) {
        platform = app::make_service(
            {loop.executor(), store, cluster, metrics, clock, obs::null_log(), registry, health},
            {.metrics_interval = 10s, .anti_entropy_interval = anti_entropy_interval});
    }
    unsynced_cluster cluster;
    fakes::fake_metrics_source metrics;
    obs::registry registry;
    app::readiness health;
    std::unique_ptr<app::service> platform;
    fakes::state_recorder seen;
};

class two_services : public testing::Test {
  protected:
    void SetUp() override {
        for (auto* process : {&first_, &second_}) {
            ASSERT_TRUE(await<void>([&] { return process->platform->load(); }));
            process->platform->interfaces().state.listen(process->seen.observers());
            loops_.spawn([process] { return process->platform->run(); });
            fakes::poll_until_idle(loop_);
        }
    }
    void TearDown() override {
        loop_.post([this] { loops_.cancel(); });
        while (loops_.size() > 0) loop_.poll();
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    // Lets both processes compare their records with the store, then checks the condition.
    bool becomes(const std::function<bool()>& condition) {
        clock_.advance(anti_entropy_interval);
        fakes::poll_until_idle(loop_);
        return condition();
    }
    base::outcome<app::accepted> create(process& target, const std::string& name) {
        domain::create_request wanted{.project = "default", .name = name, .engine = "redis"};
        return await<app::accepted>([&] {
            return target.platform->interfaces().databases.create_database(wanted, {}, caller_);
        });
    }

    fakes::manual_clock clock_;
    aio::loop loop_;
    fakes::memory_document_store store_;
    process first_{loop_, store_, clock_};
    process second_{loop_, store_, clock_};
    aio::task_group loops_{loop_.executor()};
    app::caller caller_{.subject = "tester"};
};

TEST_F(two_services, show_each_others_creates_patches_and_deletes) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created) << created.error().text;
    ASSERT_TRUE(becomes([&] { return second_.seen.databases.contains("cache"); }));
    const auto id = created->database->record->id;
    EXPECT_EQ(second_.seen.databases.at("cache")->record->id, id);
    ASSERT_TRUE(becomes([&] { return second_.seen.operations.contains(created->operation->id); }));

    domain::patch_request labels{.labels = domain::label_changes{{"team", "shop"}}};
    const auto patched = await<app::accepted>([&] {
        return second_.platform->interfaces().databases.patch_database(id, labels, {}, caller_);
    });
    ASSERT_TRUE(patched) << patched.error().text;
    EXPECT_TRUE(becomes(
        [&] { return first_.seen.databases.at("cache")->record->labels.contains("team"); }));

    const auto deleted = await<app::accepted>(
        [&] { return first_.platform->interfaces().databases.delete_database(id, {}, caller_); });
    ASSERT_TRUE(deleted) << deleted.error().text;
    EXPECT_TRUE(becomes([&] { return second_.seen.databases.at("cache")->record->deleted; }));
}

// The second one has no label in memory, so that its patch seems to change nothing.
TEST_F(two_services, take_back_what_the_other_has_written) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created) << created.error().text;
    ASSERT_TRUE(becomes([&] { return second_.seen.databases.contains("cache"); }));
    const auto id = created->database->record->id;
    const auto patch = [&](process& target, std::optional<std::string> team) {
        return await<app::accepted>([&] {
            return target.platform->interfaces().databases.patch_database(
                id, {.labels = domain::label_changes{{"team", team}}}, {}, caller_);
        });
    };
    ASSERT_TRUE(patch(first_, "shop"));
    const auto patched = patch(second_, std::nullopt);
    ASSERT_TRUE(patched) << patched.error().text;
    EXPECT_TRUE(patched->database->record->labels.empty());
    ASSERT_TRUE(becomes([&] { return first_.seen.databases.at("cache")->record->labels.empty(); }));
}

TEST_F(two_services, wait_for_a_write_of_the_other_without_the_feed) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    const auto& record = *created->database->record;
    ASSERT_FALSE(second_.seen.databases.contains("cache"));
    EXPECT_TRUE(await<void>([&] {
        return second_.platform->interfaces().reads.wait_for(
            {.id = record.id, .revision = record.revision});
    }));
    EXPECT_TRUE(second_.seen.databases.contains("cache"));

    const auto project = await<std::shared_ptr<const domain::project>>([&] {
        return first_.platform->interfaces().projects.create_project({.name = "shop"}, {}, caller_);
    });
    ASSERT_TRUE(project) << project.error().text;
    EXPECT_TRUE(await<void>([&] {
        return second_.platform->interfaces().reads.wait_for(
            {.is_project = true, .id = "shop", .revision = (*project)->revision});
    }));
    EXPECT_TRUE(second_.seen.projects.contains("shop"));
}

TEST_F(two_services, read_the_store_once_without_a_revision) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    const auto id = created->database->record->id;
    const auto wait_for = [&](const std::string& wanted) {
        return await<void>(
            [&] { return second_.platform->interfaces().reads.wait_for({.id = wanted}); });
    };
    for (const auto& wanted : {id, id, std::string("db-none")}) {  // unknown, known, missing
        const auto calls = store_.calls();
        EXPECT_TRUE(wait_for(wanted));
        EXPECT_EQ(store_.calls(), calls + 1) << wanted;
    }
    EXPECT_TRUE(second_.seen.databases.contains("cache"));
}

TEST_F(two_services, end_the_wait_for_a_record_that_does_not_exist) {
    EXPECT_TRUE(await<void>([&] {
        return second_.platform->interfaces().reads.wait_for({.id = "db-none", .revision = 7});
    }));
}

TEST_F(two_services, wait_two_seconds_for_a_revision_that_does_not_exist) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    const auto& record = *created->database->record;
    std::optional<base::outcome<void>> result;
    loops_.spawn([&]() -> aio::task<> {
        result = co_await second_.platform->interfaces().reads.wait_for(
            {.id = record.id, .revision = record.revision + 100});
        co_return base::ok();
    });
    const auto begun = clock_.now();
    while (!result && clock_.now() - begun < std::chrono::seconds(10)) {
        fakes::poll_until_idle(loop_);
        if (!result) clock_.advance(std::chrono::milliseconds(100));
    }
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().code, errc::unavailable);
    EXPECT_EQ(result->error().reason, "revision_not_reached");
    EXPECT_LE(clock_.now() - begun, std::chrono::seconds(2));
}

TEST_F(two_services, report_a_store_that_fails_during_a_wait) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    const auto& record = *created->database->record;
    store_.fail_next(1);
    const auto waited = await<void>([&] {
        return second_.platform->interfaces().reads.wait_for(
            {.id = record.id, .revision = record.revision + 1});
    });
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code, errc::unavailable);
}

TEST_F(two_services, give_a_name_to_one_of_two_creates) {
    const auto created = create(first_, "cache");
    const auto second = create(second_, "cache");  // before the feed has run
    ASSERT_TRUE(created);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::conflict);
    EXPECT_EQ(second.error().reason, "already_exists");
}

TEST_F(two_services, reject_a_patch_of_a_revision_that_the_other_has_replaced) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    ASSERT_TRUE(becomes([&] { return second_.seen.databases.contains("cache"); }));
    const auto id = created->database->record->id;
    const auto revision = second_.seen.databases.at("cache")->record->revision;
    domain::patch_request labels{.labels = domain::label_changes{{"team", "shop"}}};
    const app::write_conditions seen{.if_match = std::vector<app::seen_version>{{revision}}};
    ASSERT_TRUE(await<app::accepted>([&] {
        return first_.platform->interfaces().databases.patch_database(id, labels, {}, caller_);
    }));
    const auto patched = await<app::accepted>([&] {
        return second_.platform->interfaces().databases.patch_database(id, labels, seen, caller_);
    });
    ASSERT_FALSE(patched);
    EXPECT_EQ(patched.error().code, errc::precondition);
}

TEST_F(two_services, show_each_others_projects) {
    using project = std::shared_ptr<const domain::project>;
    domain::project_request wanted{.name = "shop"};
    ASSERT_TRUE(await<project>([&] {
        return first_.platform->interfaces().projects.create_project(wanted, {}, caller_);
    }));
    EXPECT_TRUE(becomes([&] { return second_.seen.projects.contains("shop"); }));
    ASSERT_TRUE(await<void>([&] {
        return second_.platform->interfaces().projects.delete_project("shop", {}, caller_);
    }));
    EXPECT_TRUE(becomes([&] { return !first_.seen.projects.contains("shop"); }));
}

TEST_F(two_services, adopt_each_others_keys_and_roles) {
    const auto admin = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    const auto key = await<app::created_key>([&] {
        return first_.platform->interfaces().api_keys.create_key({.name = "ci", .subject = "ada"},
                                                                 admin);
    });
    ASSERT_TRUE(key) << key.error().text;
    const auto granted = await<app::granted_role>([&] {
        return second_.platform->interfaces().members.put_member(
            {.project = "default", .subject = "ada", .role = "owner"}, caller_, admin);
    });
    ASSERT_TRUE(granted) << granted.error().text;
    const auto find = [&](process& target) {
        const auto index = target.platform->interfaces().api_keys.keys();
        const auto entry = index->find(key->record->id);
        return entry == index->end() ? app::known_key{} : entry->second;
    };
    ASSERT_TRUE(becomes([&] { return find(second_).caller != nullptr; }));
    for (auto* target : {&first_, &second_}) {
        EXPECT_TRUE(find(*target).caller->roles.contains("default"));
    }
    ASSERT_TRUE(await<void>([&] {
        return first_.platform->interfaces().members.delete_member("default", "ada", caller_,
                                                                   admin);
    }));
    EXPECT_TRUE(becomes([&] { return find(second_).caller->roles.empty(); }));
    ASSERT_TRUE(await<void>(
        [&] { return second_.platform->interfaces().api_keys.revoke_key(key->record->id); }));
    EXPECT_TRUE(becomes([&] { return find(first_).record->revoked_at.has_value(); }));
}

class usage_of_two_services : public two_services {
  protected:
    void SetUp() override {
        two_services::SetUp();
        using project = std::shared_ptr<const domain::project>;
        domain::project_request wanted{.name = "shop", .max_databases = quota};
        ASSERT_TRUE(await<project>([&] {
            return first_.platform->interfaces().projects.create_project(wanted, {}, caller_);
        }));
        ASSERT_TRUE(becomes([&] { return second_.seen.projects.contains("shop"); }));
    }
    aio::task<> create_in_shop(process& target, std::string name) {
        auto created = co_await target.platform->interfaces().databases.create_database(
            {.project = "shop", .name = std::move(name), .engine = "redis"}, {}, caller_);
        ++(created ? created_ : rejected_);
        if (!created) reasons_.insert(created.error().reason);
        co_return base::ok();
    }
    base::outcome<void> delete_shop(process& target) {
        return await<void>([&] {
            return target.platform->interfaces().projects.delete_project("shop", {}, caller_);
        });
    }
    std::size_t stored_databases() {
        const auto page =
            await<ports::page>([&] { return store_.find({.collection = "databases"}); });
        return page->items.size();
    }
    static constexpr int quota = 5;
    int created_ = 0;
    int rejected_ = 0;
    std::set<std::string> reasons_;
};

TEST_F(usage_of_two_services, never_exceeds_the_quota_by_concurrent_creates) {
    aio::task_group clients(loop_.executor());
    for (int number = 0; number < 20; ++number) {
        for (auto* target : {&first_, &second_}) {
            const auto name = (target == &first_ ? "a-" : "b-") + std::to_string(number);
            clients.spawn([this, target, name] { return create_in_shop(*target, name); });
        }
    }
    while (clients.size() > 0) loop_.poll();
    EXPECT_EQ(created_, quota);
    EXPECT_EQ(rejected_, 40 - quota);
    EXPECT_EQ(reasons_, std::set<std::string>{"quota_exceeded"});
    EXPECT_EQ(stored_databases(), std::size_t{quota});
}

TEST_F(usage_of_two_services, returns_the_usage_of_a_create_that_failed) {
    ASSERT_TRUE(await<void>([&] { return create_in_shop(first_, "a"); }));
    for (int number = 0; number < 2 * quota; ++number) {  // the name is in use
        ASSERT_TRUE(await<void>([&] { return create_in_shop(second_, "a"); }));
    }
    EXPECT_EQ(reasons_, std::set<std::string>{"already_exists"});
    for (int number = 1; number < quota; ++number) {
        const auto name = "b-" + std::to_string(number);
        ASSERT_TRUE(await<void>([&] { return create_in_shop(second_, name); }));
    }
    EXPECT_EQ(created_, quota);
}

TEST_F(usage_of_two_services, returns_the_usage_of_a_replica_that_crashed_before_its_write) {
    app::usage_claims claims;
    for (int number = 0; number < quota; ++number) {
        claims.items.push_back({.operation = "op-" + std::to_string(number),
                                .database = "db-" + std::to_string(number),
                                .project = "shop",
                                .growth = {.databases = 1}});
    }
    ASSERT_TRUE(await<ports::revision>([&] {
        return store_.put(
            {.collection = "usage", .content = {.id = "claims", .body = app::encode(claims)}});
    }));
    ASSERT_TRUE(await<void>([&] { return create_in_shop(first_, "a"); }));
    EXPECT_EQ(reasons_, std::set<std::string>{"quota_exceeded"});
    clock_.advance(app::usage_ledger::linger);
    ASSERT_TRUE(await<void>([&] { return create_in_shop(first_, "a"); }));
    EXPECT_EQ(created_, 1);
}

TEST_F(usage_of_two_services, keeps_a_project_with_a_create_that_the_other_has_not_seen) {
    ASSERT_TRUE(await<void>([&] { return create_in_shop(first_, "a"); }));
    const auto deleted = delete_shop(second_);
    ASSERT_FALSE(deleted);
    EXPECT_EQ(deleted.error().reason, "not_empty");
}

TEST_F(usage_of_two_services, rejects_a_create_in_a_project_that_the_other_has_deleted) {
    ASSERT_TRUE(delete_shop(second_));
    ASSERT_TRUE(first_.seen.projects.contains("shop"));
    ASSERT_TRUE(await<void>([&] { return create_in_shop(first_, "a"); }));
    EXPECT_EQ(rejected_, 1);
    EXPECT_EQ(stored_databases(), 0U);
    // The project may be created again at once.
    using project = std::shared_ptr<const domain::project>;
    domain::project_request wanted{.name = "shop"};
    ASSERT_TRUE(await<project>([&] {
        return second_.platform->interfaces().projects.create_project(wanted, {}, caller_);
    }));
    ASSERT_TRUE(await<void>([&] { return create_in_shop(second_, "a"); }));
    EXPECT_EQ(created_, 1);
}

using enum app::idempotency_verdict;

class keys_of_two_services : public two_services {
  protected:
    app::idempotency_ticket begin(process& target, const std::string& payload = "p") {
        auto ticket = await<app::idempotency_ticket>(
            [&] { return target.platform->interfaces().keys.begin_idempotent("k", payload); });
        EXPECT_TRUE(ticket) << ticket.error().text;
        return ticket ? std::move(*ticket) : app::idempotency_ticket{};
    }
    base::outcome<void> finish(process& target) {
        return await<void>([&] {
            return target.platform->interfaces().keys.finish_idempotent(
                "k", {.status = 202, .headers = {}, .body = "x"});
        });
    }
    base::outcome<void> abandon(process& target) {
        return await<void>(
            [&] { return target.platform->interfaces().keys.abandon_idempotent("k"); });
    }
    base::outcome<app::accepted> create_with_key(process& target) {
        caller_.idempotency_key = "k";
        caller_.request_digest = "p";
        return create(target, "cache");
    }
};

TEST_F(keys_of_two_services, have_one_holder_and_one_response) {
    EXPECT_EQ(begin(first_).verdict, first);
    EXPECT_EQ(begin(second_).verdict, in_progress);
    EXPECT_EQ(begin(second_, "another").verdict, other_payload);
    ASSERT_TRUE(finish(first_));
    const auto repeated = begin(second_);
    ASSERT_EQ(repeated.verdict, replay);
    EXPECT_EQ(repeated.answer->body, "x");
}

TEST_F(keys_of_two_services, are_free_after_a_request_that_was_rejected) {
    EXPECT_EQ(begin(first_).verdict, first);
    ASSERT_TRUE(abandon(first_));
    EXPECT_EQ(begin(second_, "another").verdict, first);
}

TEST_F(keys_of_two_services, replay_a_write_whose_response_was_lost) {
    const auto created = create(first_, "cache");
    ASSERT_TRUE(created);
    const auto id = created->database->record->id;
    EXPECT_EQ(begin(first_).verdict, first);
    caller_.idempotency_key = "k";
    caller_.request_digest = "p";
    store_.lose_next_response();
    const auto deleted = await<app::accepted>(
        [&] { return first_.platform->interfaces().databases.delete_database(id, {}, caller_); });
    ASSERT_FALSE(deleted);
    EXPECT_EQ(deleted.error().code, errc::timed_out);
    ASSERT_TRUE(abandon(first_));
    const auto repeated = begin(second_);  // has not adopted the record yet
    ASSERT_EQ(repeated.verdict, replay);
    EXPECT_TRUE(repeated.done->database->record->deleted);
}

TEST_F(keys_of_two_services, are_taken_over_after_a_crash) {
    EXPECT_EQ(begin(first_).verdict, first);  // and ends without a write
    clock_.advance(1h);                       // until the client sends it again
    EXPECT_EQ(begin(second_).verdict, in_progress);
    clock_.advance(app::idempotency_ledger::claim_timeout);
    EXPECT_EQ(begin(second_).verdict, in_progress);
    clock_.advance(1s);
    EXPECT_EQ(begin(second_).verdict, first);
    const auto created = create_with_key(second_);
    ASSERT_TRUE(created) << created.error().text;
    // The first continues after all.
    EXPECT_EQ(create_with_key(first_).error().reason, "already_exists");
    fakes::poll_until_idle(loop_);
    const auto id = created->database->record->id;
    ASSERT_TRUE(becomes([&] { return first_.seen.databases.contains("cache"); }));
    const auto deleted = await<app::accepted>(
        [&] { return first_.platform->interfaces().databases.delete_database(id, {}, caller_); });
    ASSERT_FALSE(deleted);
    EXPECT_EQ(deleted.error().reason, "idempotency_key_in_use");
    EXPECT_EQ(deleted.error().retry_after, 1s);
}

}  // namespace
