// Several replicas of the platform share one store, one cluster and the leases, as processes do.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

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
    aio::task<void> ensure_project(domain::project, std::string) override { co_return base::ok(); }
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
    aio::task<ports::credentials> read_credentials(domain::database, std::string) override {
        co_return base::fail(base::errc::unsupported, "no credentials in this test");
    }
    [[nodiscard]] ports::sync_state state() const noexcept override {
        return ports::sync_state::synced;
    }

  private:
    cluster_content& content_;
};

// A clock of the machine whose wall time is wrong.
class wrong_clock final : public base::clock {
  public:
    wrong_clock(const base::clock& right, std::chrono::seconds error)
        : right_(right), error_(error) {}
    [[nodiscard]] base::steady_time now() const noexcept override { return right_.now(); }
    [[nodiscard]] base::instant utc_now() const noexcept override {
        return right_.utc_now() + error_;
    }
    bool call_at(base::steady_time time, std::function<void()> wake) const override {
        return right_.call_at(time, std::move(wake));
    }

  private:
    const base::clock& right_;
    std::chrono::seconds error_;
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
                ports::bus* bus, std::string name, app::shared_sealer sealer)
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
                                          .anti_entropy_interval = 2s,
                                          .replica = std::move(name),
                                          .signing = {.sealer = std::move(sealer)}});
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

    replica& start(const std::string& name) { return start(name, clock_); }
    replica& start(const std::string& name, const base::clock& clock) {
        running_.push_back(std::make_unique<replica>(loop_, store_, content_, leases_, clock,
                                                     has_bus_ ? &bus_ : nullptr, name, sealer_));
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
            bus_.deliver_all();
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

    // Returns how often the value of a database is in the history that the replica serves.
    std::ptrdiff_t points(replica& source, const std::string& id, double value,
                          base::instant begin) {
        const auto history = await<app::history_points>([&] {
            return source.platform->interfaces().reads.read_history(
                {.database_id = id,
                 .metric = metric_id::connections_current,
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

    fakes::manual_clock clock_;
    aio::loop loop_;
    fakes::fake_bus bus_;
    bool has_bus_ = false;
    fakes::memory_document_store store_;
    fakes::fake_lease_manager leases_{clock_};
    cluster_content content_;
    std::vector<std::unique_ptr<replica>> running_;
    app::shared_sealer sealer_;
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

// A replica without a sealer writes and reads API keys as the release before.
TEST_F(replicas, key_digests_an_hour_after_the_last_replica_of_the_release_before_has_left) {
    auto& earlier = start("pod-a-abc234");
    const auto administrator = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    const auto key = await<app::created_key>([&] {
        return earlier.platform->interfaces().api_keys.create_key({.name = "ci"}, administrator);
    });
    ASSERT_TRUE(key) << key.error().text;
    const auto header = "Bearer " + key->text.reveal();
    const auto accepts = [&](const replica& target) {
        return target.platform->authenticator().authenticate({.authorization = header}).has_value();
    };
    const auto is_keyed = [&] {
        const auto page =
            await<ports::page>([&] { return store_.find({.collection = "api_keys"}); });
        return page->items.at(0).body.contains("digest_key");
    };
    const auto wait = [&](std::chrono::minutes duration) {
        for (auto step = 0s; step < duration; step += 2s) {
            clock_.advance(2s);
            fakes::poll_until_idle(loop_);
        }
    };
    sealer_ = std::make_shared<const token::sealer>(
        token::parse_platform_key(std::string(64, 'a')).value());
    auto& next = start(app::replica_name("pod-b"));
    wait(75min);
    EXPECT_TRUE(accepts(earlier));
    EXPECT_TRUE(accepts(next));
    EXPECT_FALSE(is_keyed());
    stop(earlier);
    auto& last = start(app::replica_name("pod-c"));
    wait(55min);
    EXPECT_FALSE(is_keyed());
    wait(20min);
    EXPECT_TRUE(is_keyed());
    EXPECT_TRUE(accepts(next));
    EXPECT_TRUE(accepts(last));
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
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto value = view->sample->values[metric_id::connections_current];
    const auto points_of = [&](replica& source) {
        return points(source, view->record->id, value, begin);
    };
    ASSERT_GE(points_of(first), 5);
    EXPECT_EQ(points_of(second), 0);  // the first replica has not stored its rows yet
    stop(first);
    EXPECT_GE(points_of(second), 5);
    pass(60s);
    EXPECT_GE(points_of(second), 10);
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

class replicas_on_a_bus : public replicas {
  protected:
    replicas_on_a_bus() { has_bus_ = true; }
    wrong_clock ahead_{clock_, 1h};
    wrong_clock behind_{clock_, -1h};
};

TEST_F(replicas_on_a_bus, divide_the_databases_with_wrong_clocks) {
    auto& first = start("first", ahead_);
    auto& second = start("second", behind_);
    auto& third = start("third");
    pass(5s);
    create_databases(third);
    pass(2 * interval);
    for (const auto* each : {&first, &second, &third}) EXPECT_GT(each->metrics.scrapes(), 0U);
    const auto before = scrapes({&first, &second, &third});
    pass(3 * interval);
    EXPECT_EQ(scrapes({&first, &second, &third}) - before, 3U * count);
    for (const auto& [name, calls] : content_.creations) EXPECT_EQ(calls, 1) << name;
}

TEST_F(replicas_on_a_bus, serve_true_ages_after_an_owner_whose_clock_was_ahead) {
    auto& first = start("first", ahead_);
    auto& second = start("second");
    auto& third = start("third");
    pass(5s);
    create_databases(second);
    pass(2 * interval);
    EXPECT_GT(first.metrics.scrapes(), 0U);
    for (const auto* each : {&second, &third}) {
        EXPECT_LE(oldest_sample(*each), interval + 1s);
        for (const auto& [name, view] : each->seen.databases) {
            EXPECT_LE(view->sample->observed_at, clock_.utc_now()) << name;
        }
    }
    crash(first);
    pass(14s + interval);
    for (const auto* each : {&second, &third}) EXPECT_LE(oldest_sample(*each), interval + 1s);
}

TEST_F(replicas_on_a_bus, never_call_old_metrics_fresh_if_the_clock_of_the_owner_is_behind) {
    auto& first = start("first", behind_);
    auto& second = start("second");
    pass(5s);
    create_databases(second);
    pass(2 * interval);
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto& served = second.seen.databases.at(view->record->name);
    EXPECT_GE(clock_.utc_now() - served->sample->observed_at, 1h) << "it looks older than it is";
    const auto owned = owned_by(second);
    ASSERT_NE(owned, nullptr);
    EXPECT_LE(clock_.utc_now() - owned->sample->observed_at, interval);
    crash(first);
    pass(14s + interval);
    EXPECT_LE(oldest_sample(second), interval + 250ms);
}

TEST_F(replicas_on_a_bus, serve_the_samples_of_each_other_within_a_second) {
    const auto [first, second] = start_two();
    for (int turn = 0; turn < 20; ++turn) {
        pass(1s);
        for (const auto* each : {&first, &second}) {
            EXPECT_LE(oldest_sample(*each), interval + 1s);
        }
    }
}

TEST_F(replicas_on_a_bus, serve_a_write_of_each_other_within_a_second) {
    const auto [first, second] = start_two();
    for (int turn = 0; turn < 20; ++turn) {
        EXPECT_TRUE(serves_write(first, second, "a" + std::to_string(turn), 1s)) << turn;
        EXPECT_TRUE(serves_write(second, first, "b" + std::to_string(turn), 1s)) << turn;
    }
}

TEST_F(replicas_on_a_bus, serve_a_write_of_each_other_within_5_s_while_the_bus_is_down) {
    const auto [first, second] = start_two();
    bus_.is_up = false;
    for (int turn = 0; turn < 5; ++turn) {
        EXPECT_TRUE(serves_write(first, second, "a" + std::to_string(turn), 5s)) << turn;
        EXPECT_TRUE(serves_write(second, first, "b" + std::to_string(turn), 5s)) << turn;
    }
}

TEST_F(replicas, serve_a_write_of_each_other_within_5_s) {
    const auto [first, second] = start_two();
    for (int turn = 0; turn < 5; ++turn) {
        EXPECT_TRUE(serves_write(first, second, "a" + std::to_string(turn), 5s)) << turn;
        EXPECT_TRUE(serves_write(second, first, "b" + std::to_string(turn), 5s)) << turn;
    }
}

TEST_F(replicas_on_a_bus, read_the_stored_samples_while_the_bus_is_down) {
    const auto [first, second] = start_two();
    bus_.is_up = false;
    pass(2 * interval);
    for (const auto* each : {&first, &second}) {
        EXPECT_LE(oldest_sample(*each), interval + 6s + 250ms);
    }
}

TEST_F(replicas_on_a_bus, read_the_stored_samples_after_lost_messages) {
    const auto [first, second] = start_two();
    for (int step = 0; step < 60; ++step) {  // longer than an interval
        clock_.advance(250ms);
        fakes::poll_until_idle(loop_);
        bus_.messages.clear();
    }
    EXPECT_GT(oldest_sample(first), interval + 1s);
    bus_.resume();
    pass(5s);
    EXPECT_LE(oldest_sample(first), interval + 6s);
}

TEST_F(replicas_on_a_bus, serve_the_same_history_before_it_is_stored) {
    const auto [first, second] = start_two();
    const auto begin = clock_.utc_now();
    pass(6 * interval);
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto value = view->sample->values[metric_id::connections_current];
    const auto known = points(first, view->record->id, value, begin);
    EXPECT_GE(known, 5);
    EXPECT_EQ(points(second, view->record->id, value, begin), known);
    EXPECT_EQ(points(second, view->record->id, value, begin), known) << "a second read";
}

TEST_F(replicas_on_a_bus, keep_the_history_of_a_crashed_owner) {
    const auto [first, second] = start_two();
    const auto begin = clock_.utc_now();
    pass(6 * interval);
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto value = view->sample->values[metric_id::connections_current];
    const auto known = points(first, view->record->id, value, begin);
    crash(first);
    EXPECT_EQ(points(second, view->record->id, value, begin), known);
    pass(14s + 4 * interval);  // the takeover, 3 scrapes, and the end of the step of the last one
    EXPECT_GE(points(second, view->record->id, value, begin), known + 3);
    stop(second);  // stores the rows of both owners
    auto& third = start("third");
    EXPECT_GE(points(third, view->record->id, value, begin), known + 3);
}

}  // namespace
