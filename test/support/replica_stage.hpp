#pragma once
// Several replicas of the platform share one store, one cluster and the leases, as processes do.
// Thread: one.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "app/ownership.hpp"
#include "app/service.hpp"
#include "test/support/fake_bus.hpp"
#include "test/support/fake_lease_manager.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/state_recorder.hpp"

namespace fakes {

// The content of the cluster: every created object has its phase at once. Reports to all replicas.
struct cluster_content {
    domain::observed_phase created_phase = domain::observed_phase::ready;
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
    aio::task<void> ensure_project(domain::project, std::string) override { co_return base::ok(); }
    aio::task<std::string> create(domain::database record) override {
        ++content_.creations[record.name];
        const ports::database_key key{record.project, record.engine, record.name};
        auto object = std::make_shared<domain::observed_database>();
        object->exists = true;
        object->uid = "uid-" + record.name;
        object->owner_database_id = record.id;
        object->phase = content_.created_phase;
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
    aio::task<ports::credentials> read_credentials(domain::database, std::string) override {
        co_return base::fail(base::errc::unsupported, "no credentials in this test");
    }
    [[nodiscard]] ports::sync_state state() const noexcept override {
        return ports::sync_state::synced;
    }

  private:
    cluster_content& content_;
};

// A fixture. Loops, store, bus and leases are on one manual clock.
class replica_stage : public testing::Test {
  public:
    ~replica_stage() override {
        for (auto& each : running_) crash(*each);
    }

  protected:
    static constexpr std::chrono::seconds interval{10};  // of the scrapes
    static constexpr std::chrono::seconds operation_timeout{120};
    static constexpr int count = 50;  // of create_databases(): no replica gets none of them

    struct replica {
        replica(aio::loop& loop, ports::document_store& store, cluster_content& content,
                const fake_lease_manager& leases_of_all, const base::clock& clock, ports::bus* bus,
                std::string name, app::shared_sealer sealer)
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
                                          .bus = bus,
                                          .leases = &leases},
                                         {.metrics_interval = interval,
                                          .provision_timeout = operation_timeout,
                                          .anti_entropy_interval = std::chrono::seconds(2),
                                          .replica = std::move(name),
                                          .signing = {.sealer = std::move(sealer)}});
        }
        shared_cluster cluster;
        fake_metrics_source metrics;
        fake_lease_manager leases;
        obs::registry registry;
        app::readiness health;
        std::unique_ptr<app::service> platform;
        state_recorder seen;
        aio::task_group loops;
    };

    replica& start(const std::string& name) { return start(name, clock_); }
    replica& start(const std::string& name, const base::clock& clock) {
        running_.push_back(std::make_unique<replica>(loop_, store_, content_, leases_, clock,
                                                     has_bus_ ? &bus_ : nullptr, name, sealer_));
        auto& started = *running_.back();
        const auto loaded = await<void>([&] { return started.platform->load(); });
        EXPECT_TRUE(loaded) << loaded.error().text;
        started.platform->interfaces().state.listen(started.seen.observers());
        started.loops.spawn([&started] { return started.platform->run(); });
        poll_until_idle(loop_);
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
        for (auto step = std::chrono::milliseconds(0); step < duration;
             step += std::chrono::milliseconds(250)) {
            clock_.advance(std::chrono::milliseconds(250));
            poll_until_idle(loop_);
            bus_.deliver_all();
            poll_until_idle(loop_);
        }
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> begin) {
        return poll_until_done<T>(loop_, std::move(begin));
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
            values[domain::metric_id::up] = 1;
            values[domain::metric_id::connections_current] = number;
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
        pass(std::chrono::seconds(5));
        create_databases(both.first);
        pass(2 * interval);
        return both;
    }
    // The same, where the first replica has this clock. The second one creates the databases.
    pair start_two(const base::clock& clock_of_first) {
        pair both{.first = start("first", clock_of_first), .second = start("second")};
        pass(std::chrono::seconds(5));
        create_databases(both.second);
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

    // Returns how often the value of a database is in the history that the replica serves.
    std::ptrdiff_t points(replica& source, const std::string& id, double value,
                          base::instant begin) {
        const auto history = await<app::history_points>([&] {
            return source.platform->interfaces().reads.read_history(
                {.database_id = id,
                 .metric = domain::metric_id::connections_current,
                 .begin = begin,
                 .end = clock_.utc_now(),
                 .step = interval});
        });
        EXPECT_TRUE(history) << history.error().text;
        if (!history) return 0;
        return std::ranges::count_if(history->points,
                                     [&](const auto& point) { return point.second == value; });
    }
    // Writes a label through one replica. Returns whether the other one serves it after this time.
    bool serves_write(replica& writer, const replica& reader, const std::string& value,
                      std::chrono::milliseconds duration) {
        const auto id = reader.seen.databases.at("cache-0")->record->id;
        const domain::patch_request labels{.labels = domain::label_changes{{"step", value}}};
        const auto patched = await<app::accepted>([&] {
            return writer.platform->interfaces().databases.patch_database(id, labels, {}, caller_);
        });
        EXPECT_TRUE(patched) << patched.error().text;
        pass(duration);
        const auto& served = reader.seen.databases.at("cache-0")->record->labels;
        return served.contains("step") && served.at("step") == value;
    }
    // Returns a database that the replica has scraped.
    static std::shared_ptr<const app::database_view> owned_by(const replica& owner) {
        for (const auto& [name, view] : owner.seen.databases) {
            if (owner.metrics.scrapes_of(view->record->id) > 0) return view;
        }
        return nullptr;
    }

    manual_clock clock_;
    aio::loop loop_;
    fake_bus bus_;
    bool has_bus_ = false;
    memory_document_store store_;
    fake_lease_manager leases_{clock_};
    cluster_content content_;
    std::vector<std::unique_ptr<replica>> running_;
    app::shared_sealer sealer_;
    app::caller caller_{.subject = "tester"};
};

}  // namespace fakes
