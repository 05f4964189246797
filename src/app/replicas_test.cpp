// Several replicas of the platform share one store, one cluster and the leases, as processes do.

#include "test/support/replica_stage.hpp"
#include "test/support/wrong_clock.hpp"

namespace {

using namespace std::chrono_literals;
using domain::metric_id;

class replicas : public fakes::replica_stage {};

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
    fakes::wrong_clock ahead_{clock_, 1h};
    fakes::wrong_clock behind_{clock_, -1h};
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
    const auto [first, second] = start_two(behind_);
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
