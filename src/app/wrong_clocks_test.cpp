// Replicas of which one has a wrong wall clock: docs/operations/clock-trouble.md.

#include <cstdlib>

#include "base/time_text.hpp"
#include "domain/operation_lifecycle.hpp"
#include "test/support/replica_stage.hpp"
#include "test/support/wrong_clock.hpp"

namespace {

using namespace std::chrono_literals;
using domain::metric_id;

// One replica has a wrong wall clock.
class replicas_with_a_wrong_clock : public fakes::replica_stage,
                                    public testing::WithParamInterface<std::chrono::minutes> {
  protected:
    replicas_with_a_wrong_clock() { has_bus_ = true; }
    [[nodiscard]] static bool is_ahead() { return GetParam() > 0min; }
    void give(double value) {
        domain::metric_values values;
        values[metric_id::up] = 1;
        values[metric_id::connections_current] = value;
        for (const auto& [name, view] : running_.front()->seen.databases) {
            for (auto& each : running_) each->metrics.give(view->record->id, values);
        }
    }
    // Returns how many databases the replica serves with this value.
    static std::ptrdiff_t serves(const replica& target, double value) {
        return std::ranges::count_if(target.seen.databases, [&](const auto& each) {
            const auto& sample = each.second->sample;
            return sample && sample->values[metric_id::connections_current] == value;
        });
    }
    app::idempotency_verdict begin(replica& target) {
        const auto ticket = await<app::idempotency_ticket>(
            [&] { return target.platform->interfaces().keys.begin_idempotent("key", "payload"); });
        EXPECT_TRUE(ticket) << ticket.error().text;
        return ticket->verdict;
    }
    // No database becomes ready. The owner crashes; the next one began to count when it saw the
    // operations run.
    void check_timeout(const base::clock& clock_of_owner, const base::clock& clock_of_next) {
        content_.created_phase = domain::observed_phase::provisioning;
        auto& owner = start("owner", clock_of_owner);
        auto& next = start("next", clock_of_next);
        const auto unfinished = [&next] {
            return std::ranges::count_if(next.seen.databases, [](const auto& each) {
                return domain::active_operation(*each.second->record) != nullptr;
            });
        };
        pass(5s);
        create_databases(owner);
        pass(30s);
        crash(owner);
        pass(operation_timeout - 50s);
        EXPECT_EQ(unfinished(), count);
        pass(80s);
        EXPECT_EQ(unfinished(), 0);
    }

    fakes::wrong_clock wrong_{clock_, GetParam()};
};

INSTANTIATE_TEST_SUITE_P(by, replicas_with_a_wrong_clock,
                         testing::Values(10min, -10min, 60min, -60min), [](const auto& error) {
                             const auto minutes = error.param.count();
                             return std::to_string(std::abs(minutes)) + "_minutes_" +
                                    (minutes > 0 ? "ahead" : "behind");
                         });

TEST_P(replicas_with_a_wrong_clock, divide_the_databases) {
    const auto [first, second] = start_two(wrong_);
    EXPECT_GT(first.metrics.scrapes(), 0U);
    EXPECT_GT(second.metrics.scrapes(), 0U);
    const auto before = scrapes({&first, &second});
    pass(3 * interval);
    EXPECT_EQ(scrapes({&first, &second}) - before, 3U * count);
    for (const auto& [name, calls] : content_.creations) EXPECT_EQ(calls, 1) << name;
}

TEST_P(replicas_with_a_wrong_clock, take_over_in_both_directions) {
    const auto [first, second] = start_two(wrong_);
    crash(first);
    pass(14s + interval);
    auto before = second.metrics.scrapes();
    pass(interval);
    EXPECT_EQ(second.metrics.scrapes() - before, count);
    auto& third = start("third", wrong_);
    pass(5s + interval);
    crash(second);
    pass(14s + interval);
    before = third.metrics.scrapes();
    pass(interval);
    EXPECT_EQ(third.metrics.scrapes() - before, count);
}

TEST_P(replicas_with_a_wrong_clock, serve_a_write_of_each_other_within_a_second) {
    const auto [first, second] = start_two(wrong_);
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_TRUE(serves_write(first, second, "a" + std::to_string(turn), 1s)) << turn;
        EXPECT_TRUE(serves_write(second, first, "b" + std::to_string(turn), 1s)) << turn;
    }
}

TEST_P(replicas_with_a_wrong_clock, serve_its_samples_with_an_age_of_0_or_with_the_difference) {
    const auto [first, second] = start_two(wrong_);
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto& served = second.seen.databases.at(view->record->name);
    const auto age = clock_.utc_now() - served->sample->observed_at;
    const std::chrono::seconds age_min = is_ahead() ? 0s : std::chrono::seconds(-GetParam());
    EXPECT_GE(age, age_min);
    EXPECT_LE(age, age_min + interval + 1s);
    // And those of the others on the replica with the wrong clock, by its clock.
    const auto other = owned_by(second);
    ASSERT_NE(other, nullptr);
    const auto& seen = first.seen.databases.at(other->record->name);
    const auto seen_age = wrong_.utc_now() - seen->sample->observed_at;
    const std::chrono::seconds seen_age_min = is_ahead() ? std::chrono::seconds(GetParam()) : 0s;
    EXPECT_GE(seen_age, seen_age_min);
    EXPECT_LE(seen_age, seen_age_min + interval + 1s);
}

// Its samples look older than those of the owner before, or newer.
TEST_P(replicas_with_a_wrong_clock, serve_the_values_of_a_new_owner) {
    for (const bool is_bus_up : {true, false}) {
        auto& first = start("first");
        auto& second = start("second", wrong_);
        auto& reader = start("reader");
        pass(5s);
        if (is_bus_up) create_databases(first);
        pass(2 * interval);
        bus_.is_up = is_bus_up;
        crash(first);
        give(7);
        pass(14s + 3 * interval + 6s);
        EXPECT_EQ(serves(reader, 7), count) << is_bus_up;
        EXPECT_EQ(serves(second, 7), count) << is_bus_up;
        give(8);
        pass(interval + 6s);
        EXPECT_EQ(serves(reader, 8), count) << is_bus_up;
        crash(second);
        crash(reader);
        running_.clear();
    }
}

TEST_P(replicas_with_a_wrong_clock, give_an_operation_its_timeout_after_a_takeover) {
    check_timeout(clock_, wrong_);
}

TEST_P(replicas_with_a_wrong_clock, leave_the_timeout_of_an_operation_to_the_next_owner) {
    check_timeout(wrong_, clock_);
}

TEST_P(replicas_with_a_wrong_clock, hold_an_idempotency_key_until_it_was_seen_for_60_s) {
    constexpr auto in_progress = app::idempotency_verdict::in_progress;
    auto& first = start("first", wrong_);
    auto& second = start("second");
    pass(5s);
    EXPECT_EQ(begin(first), app::idempotency_verdict::first);
    EXPECT_EQ(begin(second), in_progress) << "the first one is not finished";
    pass(30s);
    EXPECT_EQ(begin(second), in_progress);
    crash(first);
    pass(31s);
    EXPECT_EQ(begin(second), app::idempotency_verdict::first)
        << "neither earlier nor later by the difference";
}

TEST_P(replicas_with_a_wrong_clock, end_an_api_key_by_the_clock_of_each_replica) {
    auto& first = start("first", wrong_);
    auto& second = start("second");
    pass(5s);
    const auto administrator = std::make_shared<const domain::principal>(
        domain::principal{.subject = "admin", .is_administrator = true});
    const auto expires_at = base::to_rfc3339(clock_.utc_now() + 30min);
    const auto key = await<app::created_key>([&] {
        return second.platform->interfaces().api_keys.create_key(
            {.name = "ci", .expires_at = expires_at}, administrator);
    });
    ASSERT_TRUE(key) << key.error().text;
    pass(5s);
    const auto accepts = [&](const replica& target) {
        return target.platform->authenticator()
            .authenticate({.authorization = "Bearer " + key->text.reveal()})
            .has_value();
    };
    EXPECT_TRUE(accepts(second));
    EXPECT_EQ(accepts(first), GetParam() < 30min);
    clock_.advance(31min);
    fakes::poll_until_idle(loop_);
    EXPECT_FALSE(accepts(second));
    EXPECT_EQ(accepts(first), !is_ahead());
}

// The history of an owner whose clock is wrong, and of the next owner.
TEST_P(replicas_with_a_wrong_clock, keep_the_rows_of_history_at_the_time_of_the_owner) {
    auto& first = start("first", wrong_);
    pass(5s);
    create_databases(first);
    const auto begin = wrong_.utc_now();
    pass(6 * interval);
    const auto view = owned_by(first);
    ASSERT_NE(view, nullptr);
    const auto& id = view->record->id;
    const auto value = view->sample->values[metric_id::connections_current];
    stop(first);  // stores the rows
    auto& second = start("second");
    const auto rows_since = [&](base::instant start_time) {
        const auto history = await<app::history_points>([&] {
            return second.platform->interfaces().reads.read_history(
                {.database_id = id,
                 .metric = metric_id::connections_current,
                 .begin = start_time,
                 .end = start_time + 2min,
                 .step = interval});
        });
        EXPECT_TRUE(history) << history.error().text;
        return std::ranges::count_if(history->points,
                                     [&](const auto& point) { return point.second == value; });
    };
    for (auto& each : running_) each->metrics.give(id, view->sample->values);
    EXPECT_GE(rows_since(begin), 5) << "at the time of the clock of the owner";
    pass(2min);
    const auto now_rows = [&] { return rows_since(clock_.utc_now() - 2min); };
    if (!is_ahead()) {
        EXPECT_GE(now_rows(), 5) << "a gap, then the rows of the new owner";
        return;
    }
    EXPECT_EQ(now_rows(), 0) << "older than the newest row";
    pass(11min);
    EXPECT_GE(now_rows(), 5) << "the rows ahead were dropped, or the clock has reached them";
}

}  // namespace
