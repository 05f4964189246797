// Several replicas of the platform share one store, one cluster and the leases, as processes do.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "aio/aio.hpp"
#include "app/service.hpp"
#include "test/support/fake_lease_manager.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/state_recorder.hpp"

namespace {

using namespace std::chrono_literals;
using domain::metric_id;

// The content of the cluster: every created object is ready at once. Reports to all replicas.
struct cluster_content {
    std::map<ports::database_key, std::shared_ptr<const domain::observed_database>> objects;
    std::vector<ports::cluster_observer*> observers;
    std::map<std::string, int> creations;  // calls of create(), by database name

    void report(const ports::database_key& key) const {
        for (auto* observer : observers) observer->on_observed(key, objects.at(key));
    }
};

class shared_cluster final : public ports::cluster {
  public:
    explicit shared_cluster(cluster_content& content) : content_(content) {}
    aio::task<void> run(ports::cluster_observer& observer) override {
        auto catalogue = std::make_shared<ports::catalogue>();
        catalogue->engines["redis"] = {{.name = "7.0.15", .version = "7.0.15"}};
        observer.on_catalogue(std::move(catalogue));
        for (const auto& [key, object] : content_.objects) observer.on_observed(key, object);
        observer.on_sync_state(ports::sync_state::synced);
        content_.observers.push_back(&observer);
        auto cancelled = co_await aio::until_cancelled();
        std::erase(content_.observers, &observer);
        co_return cancelled;
    }
    aio::task<void> ensure_project(domain::project) override { co_return base::ok(); }
    aio::task<std::string> create(domain::database record) override {
        ++content_.creations[record.name];
        const ports::database_key key{record.project, record.engine, record.name};
        auto object = std::make_shared<domain::observed_database>();
        object->exists = true;
        object->uid = "uid-" + record.name;
        object->owner_database_id = record.id;
        object->phase = domain::observed_phase::ready;
        object->version = record.version;
        object->topology = record.topology;
        object->metrics_port = 9121;
        content_.objects[key] = object;
        content_.report(key);
        co_return object->uid;
    }
    aio::task<void> update(domain::database) override { co_return base::ok(); }
    aio::task<void> request_change(domain::database, domain::change_kind, std::string) override {
        co_return base::ok();
    }
    aio::task<bool> remove(domain::database record) override {
        const ports::database_key key{record.project, record.engine, record.name};
        content_.objects[key] = std::make_shared<domain::observed_database>();
        content_.report(key);
        co_return true;
    }
    aio::task<ports::credentials> read_credentials(domain::database) override {
        co_return base::fail(base::errc::unsupported, "no credentials in this test");
    }
    [[nodiscard]] ports::sync_state state() const noexcept override {
        return ports::sync_state::synced;
    }

  private:
    cluster_content& content_;
};

constexpr auto interval = 10s;
constexpr int count = 20;

class replicas : public testing::Test {
  public:
    ~replicas() override {
        for (auto& each : running_) crash(*each);
    }

  protected:
    struct replica {
        replica(aio::loop& loop, ports::document_store& store, cluster_content& content,
                const fakes::fake_lease_manager& leases_of_all, const base::clock& clock,
                std::string name)
            : cluster(content),
              metrics(clock),
              leases(clock, leases_of_all),
              loops(loop.executor()) {
            platform = app::make_service({.executor = loop.executor(),
                                          .store = store,
                                          .cluster = cluster,
                                          .metrics = metrics,
                                          .clock = clock,
                                          .log = obs::null_log(),
                                          .registry = registry,
                                          .health = health,
                                          .leases = &leases},
                                         {.metrics_interval = interval,
                                          .anti_entropy_interval = 2s,
                                          .replica = std::move(name)});
        }
        shared_cluster cluster;
        fakes::fake_metrics_source metrics;
        fakes::fake_lease_manager leases;
        obs::registry registry;
        app::readiness health;
        std::unique_ptr<app::service> platform;
        fakes::state_recorder seen;
        aio::task_group loops;
    };

    replica& start(const std::string& name) {
        running_.push_back(
            std::make_unique<replica>(loop_, store_, content_, leases_, clock_, name));
        auto& started = *running_.back();
        const auto loaded = await<void>([&] { return started.platform->load(); });
        EXPECT_TRUE(loaded) << loaded.error().text;
        started.platform->interfaces().state.listen(started.seen.observers());
        started.loops.spawn([&started] { return started.platform->run(); });
        fakes::poll_until_idle(loop_);
        return started;
    }
    // Ends the loops without a word to the others, as kill -9 does.
    void crash(replica& target) {
        loop_.post([&target] { target.loops.cancel(); });
        while (target.loops.size() > 0) loop_.poll();
    }
    void stop(replica& target) {
        crash(target);
        EXPECT_TRUE(await<void>([&] { return target.platform->close(); }));
    }
    void pass(std::chrono::milliseconds duration) {
        for (auto step = 0ms; step < duration; step += 250ms) {
            clock_.advance(250ms);
            fakes::poll_until_idle(loop_);
        }
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> begin) {
        return fakes::poll_until_done<T>(loop_, std::move(begin));
    }
    void create_databases(replica& target) {
        for (int number = 0; number < count; ++number) {
            domain::create_request wanted{
                .project = "default", .name = "cache-" + std::to_string(number), .engine = "redis"};
            const auto created = await<app::accepted>([&] {
                return target.platform->interfaces().databases.create_database(wanted, {}, caller_);
            });
            ASSERT_TRUE(created) << created.error().text;
            domain::metric_values values;
            values[metric_id::up] = 1;
            values[metric_id::connections_current] = number;
            for (auto& each : running_) each->metrics.give(created->database->record->id, values);
        }
    }
    struct pair {
        replica& first;
        replica& second;
    };
    // Starts two replicas that know each other and have scraped `count` databases.
    pair start_two() {
        pair both{.first = start("first"), .second = start("second")};
        pass(5s);
        create_databases(both.first);
        pass(2 * interval);
        return both;
    }
    static std::size_t scrapes(const std::vector<replica*>& all) {
        std::size_t sum = 0;
        for (const auto* each : all) sum += each->metrics.scrapes();
        return sum;
    }
    // Returns the age of the oldest sample that the replica serves; the maximum without a sample.
    base::instant::duration oldest_sample(const replica& target) const {
        base::instant::duration oldest{0};
        for (const auto& [name, view] : target.seen.databases) {
            if (!view->sample) return base::instant::duration::max();
            oldest = std::max<base::instant::duration>(
                oldest, clock_.utc_now() - view->sample->observed_at);
        }
        return oldest;
    }

    fakes::manual_clock clock_;
    aio::loop loop_;
    fakes::memory_document_store store_;
    fakes::fake_lease_manager leases_{clock_};
    cluster_content content_;
    std::vector<std::unique_ptr<replica>> running_;
    app::caller caller_{.subject = "tester"};
};

TEST_F(replicas, create_and_scrape_each_database_once) {
    const auto [first, second] = start_two();
    EXPECT_EQ(content_.creations.size(), count);
    for (const auto& [name, calls] : content_.creations) EXPECT_EQ(calls, 1) << name;
    EXPECT_GT(first.metrics.scrapes(), 0U);
    EXPECT_GT(second.metrics.scrapes(), 0U);
    const auto before = scrapes({&first, &second});
    pass(3 * interval);
    EXPECT_EQ(scrapes({&first, &second}) - before, 3U * count);
}

TEST_F(replicas, serve_the_samples_of_each_other) {
    const auto [first, second] = start_two();
    for (const auto* each : {&first, &second}) {
        ASSERT_EQ(each->seen.databases.size(), count);
        ASSERT_LE(oldest_sample(*each), interval + 6s + 250ms);
        for (const auto& [name, view] : each->seen.databases) {
            EXPECT_EQ(name, "cache-" + std::to_string(static_cast<int>(
                                           view->sample->values[metric_id::connections_current])));
            EXPECT_EQ(view->metrics, app::metrics_state::fresh) << name;
        }
    }
}

TEST_F(replicas, serve_the_cause_of_a_failed_scrape_of_each_other) {
    const auto [first, second] = start_two();
    for (auto* each : {&first, &second}) {
        for (const auto& [name, view] : first.seen.databases) {
            each->metrics.fail(view->record->id, {.code = base::errc::unavailable,
                                                  .text = "connection refused",
                                                  .reason = "exporter_unreachable"});
        }
    }
    pass(2 * interval);
    for (const auto* each : {&first, &second}) {
        for (const auto& [name, view] : each->seen.databases) {
            EXPECT_EQ(view->metrics, app::metrics_state::stale) << name;
            EXPECT_EQ(view->metrics_reason, "exporter_unreachable") << name;
            EXPECT_EQ(view->metrics_message, "connection refused") << name;
        }
    }
}

TEST_F(replicas, take_over_after_a_crash) {
    const auto [first, second] = start_two();
    crash(second);
    pass(14s + interval);  // the lease of 12 s, a period of 2 s
    EXPECT_LE(oldest_sample(first), interval + 250ms);
    const auto before = first.metrics.scrapes();
    pass(interval);
    EXPECT_EQ(first.metrics.scrapes() - before, count);
}

TEST_F(replicas, take_over_at_once_after_a_stop) {
    const auto [first, second] = start_two();
    stop(second);
    pass(2s + interval);
    // No database missed more than one sample.
    EXPECT_LE(oldest_sample(first), interval + 2s);
}

TEST_F(replicas, serve_stored_samples_right_after_their_start) {
    auto& first = start("first");
    pass(5s);
    create_databases(first);
    pass(2 * interval);
    stop(first);
    clock_.advance(1min);
    auto& second = start("second");
    EXPECT_EQ(second.metrics.scrapes(), 0U);
    ASSERT_EQ(second.seen.databases.size(), count);
    EXPECT_GE(oldest_sample(second), 1min);
    EXPECT_LE(oldest_sample(second), 1min + interval);
}

TEST_F(replicas, keep_the_history_of_a_database_over_a_hand_over) {
    auto& first = start("first");
    auto& second = start("second");
    pass(5s);
    create_databases(first);
    const auto begin = clock_.utc_now();
    pass(60s);
    // A database of the first replica.
    std::string id;
    double value = 0;
    for (const auto& [name, view] : first.seen.databases) {
        if (first.metrics.scrapes_of(view->record->id) == 0) continue;
        id = view->record->id;
        value = view->sample->values[metric_id::connections_current];
    }
    const auto points = [&](replica& source) {
        const auto history = await<app::history_points>([&] {
            return source.platform->interfaces().reads.read_history(
                {.database_id = id,
                 .metric = metric_id::connections_current,
                 .begin = begin,
                 .end = clock_.utc_now(),
                 .step = interval});
        });
        EXPECT_TRUE(history) << history.error().text;
        if (!history) return std::ptrdiff_t{0};
        return std::ranges::count_if(history->points,
                                     [&](const auto& point) { return point.second == value; });
    };
    ASSERT_GE(points(first), 5);
    EXPECT_EQ(points(second), 0);  // the first replica has not stored its rows yet
    stop(first);
    EXPECT_GE(points(second), 5);
    pass(60s);
    EXPECT_GE(points(second), 10);
}

TEST_F(replicas, delete_the_stored_metrics_of_a_deleted_database) {
    auto& first = start("first");
    pass(5s);
    create_databases(first);
    pass(2 * interval);
    const auto stored = [&] {
        const auto page =
            await<ports::page>([&] { return store_.find({.collection = "metrics"}); });
        return page->items.size();
    };
    EXPECT_EQ(stored(), count);
    const auto id = first.seen.databases.at("cache-3")->record->id;
    ASSERT_TRUE(await<app::accepted>(
        [&] { return first.platform->interfaces().databases.delete_database(id, {}, caller_); }));
    pass(interval);
    EXPECT_EQ(stored(), count - 1U);
}

}  // namespace
