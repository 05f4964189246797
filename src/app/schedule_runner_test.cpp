#include "app/schedule_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "app/audit/audit_trail.hpp"
#include "domain/operation_lifecycle.hpp"
#include "json/json.hpp"
#include "test/support/fake_lease_manager.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using domain::operation_kind;
using domain::operation_phase;

// From 16:00 to 18:00 every day. The clock of the tests starts at 14:30 on a Monday.
const domain::schedule afternoons{.off = {{.days = 127, .begin = 16 * 60, .end = 18 * 60}}};

class schedule_runner : public testing::Test {
  protected:
    using record_pointer = std::shared_ptr<const domain::database>;

    // A replica without a reconciler: the test ends the operations.
    struct process {
        process(aio::loop& loop, ports::document_store& store, const base::clock& clock,
                obs::log& log, ports::lease_manager* leases)
            : cache(clock, 30s),
              records(store, cache, clock, log),
              owner({.leases = leases, .clock = clock, .log = log}, {.replica = "replica"}),
              probe(registry),
              audit({.executor = loop.executor(),
                     .store = store,
                     .clock = clock,
                     .log = log,
                     .registry = registry},
                    {}),
              runner({.executor = loop.executor(),
                      .records = records,
                      .cache = cache,
                      .audit = audit,
                      .clock = clock,
                      .log = log,
                      .probe = probe,
                      .owner = owner}),
              loops(loop.executor()) {}

        std::uint64_t changes(const std::string& action, const std::string& result) {
            return registry
                .make_counter("dbaas_schedule_changes_total",
                              "Edges of schedules that were applied, by result.",
                              {{"action", action}, {"result", result}})
                .value();
        }

        obs::registry registry;
        app::state_cache cache;
        app::record_repository records;
        app::ownership owner;
        app::probe probe;
        app::audit_trail audit;
        app::schedule_runner runner;
        aio::task_group loops;
    };

    void SetUp() override { first_ = start(); }
    void TearDown() override {
        stop(first_);
        stop(second_);
    }
    std::unique_ptr<process> start(ports::lease_manager* leases = nullptr) {
        auto started = std::make_unique<process>(loop_, store_, clock_, log_, leases);
        EXPECT_TRUE(await<void>([&] { return started->records.load(); }));
        EXPECT_TRUE(await<void>([&] { return started->audit.load(); }));
        started->cache.listen({.databases = &started->runner});
        started->loops.spawn(started->audit.run());
        started->loops.spawn(started->runner.run());
        settle();
        return started;
    }
    void stop(std::unique_ptr<process>& target) {
        if (!target) return;
        target->loops.cancel();
        while (target->loops.size() > 0) loop_.poll();
        target.reset();
    }
    void settle() { fakes::poll_until_idle(loop_); }
    void advance(std::chrono::microseconds duration) {
        clock_.advance(duration);
        settle();
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> begin) {
        auto result = fakes::poll_until_done<T>(loop_, std::move(begin));
        settle();
        return result;
    }
    domain::database new_record(const std::string& name) {
        domain::database record{
            .id = "db-" + name, .project = "shop", .name = name, .engine = "redis"};
        record.topology.data().size = {.cpu_millis = 100, .memory_bytes = 256 << 20};
        record.topology.data().storage.bytes = std::int64_t(1) << 30;
        record.object_uid = "uid-" + name;
        record.schedule = afternoons;
        domain::note_schedule_change({}, record, clock_.utc_now());
        return record;
    }
    void create(const std::string& name) {
        ASSERT_TRUE(
            await<record_pointer>([&] { return first_->records.create(new_record(name)); }));
    }
    void edit(process& target, const std::string& name,
              const std::function<void(domain::database&)>& change) {
        const auto written = await<record_pointer>([&] {
            return target.records.update(
                "db-" + name,
                [&](const domain::database& newest) -> base::outcome<domain::database> {
                    auto next = newest;
                    change(next);
                    domain::note_schedule_change(newest, next, clock_.utc_now());
                    return next;
                },
                app::record_origin::command);
        });
        ASSERT_TRUE(written) << written.error().text;
    }
    void finish_operation(const std::string& name) {
        edit(*first_, name, [&](domain::database& record) {
            auto* active = domain::active_operation(record);
            ASSERT_NE(active, nullptr);
            domain::finish(*active, operation_phase::succeeded, clock_.utc_now());
        });
    }
    static const domain::database& record(process& target, const std::string& name) {
        return *target.cache.find("db-" + name)->record;
    }
    const domain::database& record(const std::string& name) { return record(*first_, name); }
    std::vector<std::string> audit_outcomes() {
        const auto page = await<app::audit_page>(
            [&] { return first_->audit.find({.actor = "schedule", .action = "patch_database"}); });
        EXPECT_TRUE(page);
        std::vector<std::string> outcomes;
        for (const auto& row : page->rows) {
            const auto value = json::parse(row);
            EXPECT_EQ(value.at("object").as_string(), "db-cache");
            EXPECT_EQ(value.at("project").as_string(), "shop");
            outcomes.emplace_back(value.at("outcome").as_string());
        }
        return outcomes;
    }

    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    aio::loop loop_;
    std::unique_ptr<process> first_;
    std::unique_ptr<process> second_;
};

TEST_F(schedule_runner, pauses_at_the_begin_of_a_window_and_resumes_at_its_end) {
    create("cache");
    advance(90min - 1us);
    EXPECT_FALSE(record("cache").paused);
    advance(1us);
    EXPECT_TRUE(record("cache").paused);
    ASSERT_EQ(record("cache").operations.size(), 1U);
    const auto pause = record("cache").operations[0];
    EXPECT_EQ(pause.kind, operation_kind::pause);
    EXPECT_EQ(pause.requested_by, "schedule");
    EXPECT_EQ(pause.created_at, clock_.utc_now());
    finish_operation("cache");
    advance(2h - 1us);
    EXPECT_TRUE(record("cache").paused);
    advance(1us);
    EXPECT_FALSE(record("cache").paused);
    ASSERT_EQ(record("cache").operations.size(), 2U);
    EXPECT_EQ(record("cache").operations[1].kind, operation_kind::resume);
    EXPECT_EQ(first_->changes("pause", "ok"), 1U);
    EXPECT_EQ(first_->changes("resume", "ok"), 1U);
    const auto lines = log_.lines_of("schedule_applied");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_NE(
        lines[0].find("action=pause result=ok edge=2025-11-24T16:00:00Z operation_id=" + pause.id),
        std::string::npos)
        << lines[0];
    advance(1s);  // the audit log writes rows without a waiting request after a delay
    EXPECT_EQ(audit_outcomes(),
              (std::vector<std::string>{"started", "success", "started", "success"}));
}

TEST_F(schedule_runner, pauses_at_once_if_the_new_schedule_has_a_present_window) {
    create("cache");
    edit(*first_, "cache", [](domain::database& record) { record.schedule.reset(); });
    EXPECT_EQ(first_->runner.size(), 0U);
    advance(2h);
    EXPECT_FALSE(record("cache").paused);
    edit(*first_, "cache", [](domain::database& record) { record.schedule = afternoons; });
    EXPECT_TRUE(record("cache").paused);
    EXPECT_EQ(first_->runner.size(), 1U);
}

TEST_F(schedule_runner, leaves_a_change_by_hand_alone_until_the_next_edge) {
    create("cache");
    advance(90min);
    finish_operation("cache");
    edit(*first_, "cache", [](domain::database& record) { record.paused = false; });
    advance(1h);
    EXPECT_FALSE(record("cache").paused);
    advance(1h);
    EXPECT_FALSE(record("cache").paused);
    EXPECT_EQ(first_->changes("resume", "unchanged"), 1U);
    EXPECT_EQ(record("cache").operations.size(), 1U);
    advance(22h);
    EXPECT_TRUE(record("cache").paused);
}

TEST_F(schedule_runner, applies_only_the_latest_edge_after_an_outage) {
    create("cache");
    stop(first_);
    clock_.advance(24h * 3 + 2h);
    first_ = start();
    EXPECT_TRUE(record("cache").paused);
    EXPECT_EQ(record("cache").operations.size(), 1U);
    stop(first_);
    first_ = start();
    EXPECT_EQ(record("cache").operations.size(), 1U);
}

TEST_F(schedule_runner, waits_for_the_end_of_an_unfinished_change) {
    create("cache");
    edit(*first_, "cache", [&](domain::database& record) {
        domain::begin_operation(record, {.id = "op-1", .kind = operation_kind::update},
                                clock_.utc_now());
    });
    advance(2h);
    EXPECT_FALSE(record("cache").paused);
    finish_operation("cache");
    EXPECT_TRUE(record("cache").paused);
}

TEST_F(schedule_runner, drops_an_edge_that_had_to_wait_until_the_next_one) {
    create("cache");
    edit(*first_, "cache", [&](domain::database& record) {
        domain::begin_operation(record, {.id = "op-1", .kind = operation_kind::update},
                                clock_.utc_now());
    });
    advance(4h);
    finish_operation("cache");
    EXPECT_FALSE(record("cache").paused);
    EXPECT_EQ(record("cache").operations.size(), 1U);
    EXPECT_EQ(first_->changes("pause", "ok"), 0U);
}

TEST_F(schedule_runner, forgets_a_database_that_is_being_deleted) {
    create("cache");
    edit(*first_, "cache", [](domain::database& record) { record.deleted = true; });
    EXPECT_EQ(first_->runner.size(), 0U);
    advance(2h);
    EXPECT_TRUE(record("cache").operations.empty());
}

// Two replicas may own a database for a moment.
TEST_F(schedule_runner, applies_an_edge_once_if_two_replicas_own_the_database) {
    create("cache");
    second_ = start();
    advance(90min);
    for (auto* each : {first_.get(), second_.get()}) {
        ASSERT_TRUE(await<void>(
            [&] { return each->records.adopt(app::record_kind::database, "db-cache"); }));
        EXPECT_TRUE(record(*each, "cache").paused);
        EXPECT_EQ(record(*each, "cache").operations.size(), 1U);
    }
    EXPECT_EQ(first_->changes("pause", "ok") + second_->changes("pause", "ok"), 1U);
}

TEST_F(schedule_runner, applies_an_edge_after_a_lost_compare_and_swap) {
    create("cache");
    second_ = start();
    edit(*second_, "cache", [](domain::database& record) { record.labels["team"] = "shop"; });
    stop(second_);  // the first one has not read the new revision
    advance(90min);
    EXPECT_TRUE(record("cache").paused);
    EXPECT_EQ(record("cache").labels.at("team"), "shop");
    EXPECT_EQ(record("cache").operations.size(), 1U);
}

TEST_F(schedule_runner, changes_nothing_without_a_row_of_the_audit_log_and_tries_again) {
    create("cache");
    advance(90min - 1us);
    store_.fail_next(1);
    advance(1us);
    EXPECT_FALSE(record("cache").paused);
    EXPECT_EQ(first_->changes("pause", "failed"), 1U);
    EXPECT_EQ(log_.lines_of("schedule_not_applied").size(), 1U);
    advance(1s);
    EXPECT_TRUE(record("cache").paused);
    EXPECT_EQ(first_->changes("pause", "ok"), 1U);
}

TEST_F(schedule_runner, tries_a_failed_write_again_and_audits_both) {
    create("cache");
    advance(90min - 1us);
    store_.fail_after(2, 1);  // after the row of the audit log and its head
    advance(1us);
    EXPECT_FALSE(record("cache").paused);
    advance(2s);
    EXPECT_TRUE(record("cache").paused);
    EXPECT_EQ(record("cache").operations.size(), 1U);
    advance(1s);
    const auto outcomes = audit_outcomes();
    EXPECT_EQ(std::ranges::count(outcomes, "failed"), 1);
    EXPECT_EQ(std::ranges::count(outcomes, "success"), 1);
}

TEST_F(schedule_runner, has_one_effect_if_the_response_of_its_write_is_lost) {
    create("cache");
    // Paused by hand: the edge changes nothing, and its write needs no row of the audit log.
    edit(*first_, "cache", [](domain::database& record) { record.paused = true; });
    advance(90min - 1us);
    store_.lose_next_response();
    advance(1us);
    advance(2s);
    EXPECT_EQ(record("cache").schedule_handled_until, record("cache").created_at + 90min);
    EXPECT_TRUE(record("cache").operations.empty());
    EXPECT_TRUE(record("cache").paused);
}

TEST_F(schedule_runner, acts_for_its_own_databases_only) {
    stop(first_);
    fakes::fake_lease_manager leases(clock_);
    first_ = start(&leases);
    create("cache");
    advance(90min);
    EXPECT_FALSE(record("cache").paused);  // no lease
    ASSERT_TRUE(await<void>([&] { return first_->owner.renew(); }));
    first_->runner.enqueue("db-cache");
    settle();
    EXPECT_TRUE(record("cache").paused);
    advance(2h);  // the lease has expired, and the next division is not known yet
    EXPECT_TRUE(record("cache").paused);
    ASSERT_TRUE(await<void>([&] { return first_->owner.renew(); }));
    advance(5s);
    EXPECT_FALSE(record("cache").paused);
    stop(first_);
}

TEST_F(schedule_runner, needs_one_timer_for_many_databases) {
    constexpr std::size_t count = 10'000;
    const auto before = clock_.sleepers();
    for (std::size_t i = 0; i < count; ++i) {
        auto database = new_record(std::to_string(i));
        database.revision = 1;
        first_->cache.put(std::make_shared<const domain::database>(std::move(database)),
                          app::record_origin::feed);
    }
    settle();
    EXPECT_EQ(first_->runner.size(), count);
    EXPECT_LE(clock_.sleepers(), before + 2);
}

TEST_F(schedule_runner, has_no_timer_without_a_schedule) {
    auto record = new_record("cache");
    record.schedule.reset();
    record.revision = 1;
    const auto before = clock_.sleepers();
    first_->cache.put(std::make_shared<const domain::database>(std::move(record)),
                      app::record_origin::feed);
    settle();
    EXPECT_EQ(first_->runner.size(), 0U);
    EXPECT_EQ(clock_.sleepers(), before);
}

}  // namespace
