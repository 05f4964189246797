// Two platforms share one document store, as two processes do. Their clusters stay unsynced, so
// that only writes of records are exchanged.

#include <gtest/gtest.h>

#include "aio/aio.hpp"
#include "app/service.hpp"
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
    aio::task<void> ensure_project(domain::project) override { return unavailable<void>(); }
    aio::task<std::string> create(domain::database) override { return unavailable<std::string>(); }
    aio::task<void> update(domain::database) override { return unavailable<void>(); }
    aio::task<void> request_change(domain::database, domain::change_kind, std::string) override {
        return unavailable<void>();
    }
    aio::task<bool> remove(domain::database) override { return unavailable<bool>(); }
    aio::task<ports::credentials> read_credentials(domain::database) override {
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
    const app::write_conditions seen{.if_match = std::vector{revision}};
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

}  // namespace
