#pragma once
// What every ports::cluster must do. An adapter's test includes this and instantiates it with a
// function that makes an empty cluster with an operator on the given loop, offering "redis" and
// "postgres" (cluster_world.hpp). Nothing here waits for time: each step waits for what it needs.

#include "test/support/cluster_contract_failures.hpp"
#include "test/support/cluster_stage.hpp"

namespace fakes {

// ---- what is offered ---------------------------------------------------------------------

TEST_P(cluster_contract, offers_what_the_catalogue_says_newest_first) {
    play([](scene& it) -> aio::task<> {
        const ports::engine_version newest{
            .name = "valkey-99.1.0", .version = "99.1.0", .distribution = "Valkey"};
        auto offered = co_await it.world.offer("redis", newest);
        if (!offered) co_return offered;
        auto old = co_await it.world.offer(
            "redis", {.name = "1.10.0", .version = "1.10.0", .deprecated = true});
        if (!old) co_return old;
        auto told = co_await it.seen.until([&] {
            const auto all = it.seen.versions("redis");
            return all.size() > 2 && all.front() == newest && all.back().deprecated;
        });
        EXPECT_TRUE(told);
        EXPECT_FALSE(it.seen.versions("postgres").empty());
        EXPECT_TRUE(it.seen.versions("cassandra").empty());
        auto withdrawn = co_await it.world.withdraw("redis", newest.name);
        if (!withdrawn) co_return withdrawn;
        co_return co_await it.seen.until([&] {
            const auto all = it.seen.versions("redis");
            return std::ranges::find(all, newest.name, &ports::engine_version::name) == all.end();
        });
    });
}

TEST_P(cluster_contract, says_how_much_room_there_is) {
    play([](scene& it) -> aio::task<> {
        auto told = co_await it.seen.until([&] { return it.seen.offer() != nullptr; });
        if (!told) co_return told;
        const auto before = it.seen.offer();
        auto added = co_await it.world.add_room(4000, std::int64_t(8) << 30);
        if (!added) co_return added;
        co_return co_await it.seen.until([&] {
            const auto& now = *it.seen.offer();
            return now.capacity_cpu_millis == before->capacity_cpu_millis + 4000 &&
                   now.capacity_memory_bytes ==
                       before->capacity_memory_bytes + (std::int64_t(8) << 30);
        });
    });
}

// ---- projects ----------------------------------------------------------------------------

TEST_P(cluster_contract, ensures_a_project_as_often_as_it_is_asked) {
    play([](scene& it) -> aio::task<> {
        for (int turn = 0; turn < 3; ++turn) {
            auto ensured = co_await it.port.ensure_project({.name = "shop"});
            EXPECT_TRUE(ensured);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, refuses_a_project_whose_place_is_another_ones) {
    play([](scene& it) -> aio::task<> {
        auto put = co_await it.world.put_foreign_project("shop");
        if (!put) co_return put;
        for (int turn = 0; turn < 2; ++turn) {
            auto ensured = co_await it.port.ensure_project({.name = "shop"});
            failed(ensured, base::errc::conflict, "not_owned");
        }
        co_return base::ok();
    });
}

// ---- creation ----------------------------------------------------------------------------

TEST_P(cluster_contract, creates_what_the_record_says_and_tells_of_it) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.create(record());
        if (!made) co_return base::pass(std::move(made));
        EXPECT_FALSE(made->object_uid.empty());
        auto told = co_await it.seen.until([&] { return it.seen.of(*made).exists; });
        if (!told) co_return told;
        const auto& state = it.seen.of(*made);
        EXPECT_EQ(state.uid, made->object_uid);
        EXPECT_EQ(state.owner_database_id, "db-1");
        EXPECT_EQ(state.version, made->version);
        EXPECT_EQ(state.topology, made->topology);
        EXPECT_EQ(state.labels, made->labels);
        EXPECT_FALSE(state.paused);
        EXPECT_FALSE(state.deleting);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, tells_when_a_database_is_ready_and_where_it_is) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        co_return co_await it.seen.until([&] {
            const auto& state = it.seen.of(*made);
            return state.has_metrics() && state.members.size() == 1 && state.members[0].ready &&
                   !state.endpoints.empty() && !state.endpoints[0].host.empty() &&
                   state.endpoints[0].port > 0;
        });
    });
}

TEST_P(cluster_contract, creating_twice_is_one_object) {
    play([](scene& it) -> aio::task<> {
        auto first = co_await it.create(record());
        if (!first) co_return base::pass(std::move(first));
        const auto before = co_await it.world.picture_of(*first);
        auto second = co_await it.create(record());
        if (!second) co_return base::pass(std::move(second));
        EXPECT_EQ(second->object_uid, first->object_uid);
        const auto after = co_await it.world.picture_of(*first);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, does_not_take_over_what_it_did_not_create) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto put = co_await it.world.put_foreign(record());
        if (!put) co_return put;
        auto told = co_await it.seen.until([&] { return it.seen.of(record()).exists; });
        if (!told) co_return told;
        EXPECT_EQ(it.seen.of(record()).owner_database_id, "");
        const auto before = co_await it.world.picture_of(record());
        auto created = co_await it.port.create(record());
        failed(created, base::errc::conflict, "not_owned");
        const auto after = co_await it.world.picture_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, a_name_belongs_to_one_record) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.create(record());
        if (!made) co_return base::pass(std::move(made));
        auto other = co_await it.create(record("db-2"));
        failed(other, base::errc::conflict, "not_owned");
        co_return base::ok();
    });
}

TEST_P(cluster_contract, a_namesake_that_is_going_is_waited_for) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto held = co_await it.world.hold(*made);
        if (!held) co_return held;
        auto asked = co_await it.port.remove(*made);
        EXPECT_FALSE(asked.value());
        auto told = co_await it.seen.until([&] { return it.seen.of(*made).deleting; });
        if (!told) co_return told;
        for (const auto* id : {"db-1", "db-2"}) {
            auto refused = co_await it.create(record(id));
            failed(refused, base::errc::conflict, "deleting");
        }
        auto let = co_await it.world.let_go(*made);
        if (!let) co_return let;
        auto gone = co_await it.remove_all(*made);
        if (!gone) co_return gone;
        auto next = co_await it.bring_up(record("db-2"));
        if (!next) co_return base::pass(std::move(next));
        EXPECT_NE(next->object_uid, made->object_uid);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, an_engine_that_is_not_installed_is_said_so) {
    play([](scene& it) -> aio::task<> {
        auto strange = record();
        strange.engine = "cassandra";
        auto made = co_await it.create(strange);
        failed(made, base::errc::unsupported, "engine_not_installed");
        co_return base::ok();
    });
}

// ---- updates -----------------------------------------------------------------------------

TEST_P(cluster_contract, brings_labels_and_pause_to_what_the_record_says) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        made->labels = {{"tier", "gold"}};
        made->paused = true;
        for (int turn = 0; turn < 2; ++turn) {
            auto updated = co_await it.port.update(*made);
            if (!updated) co_return updated;
        }
        auto worked = co_await it.world.work(*made);
        if (!worked) co_return worked;
        auto halted = co_await it.seen.until([&] {
            const auto& state = it.seen.of(*made);
            return state.paused && state.phase == domain::observed_phase::halted;
        });
        if (!halted) co_return base::pass(std::move(halted), "pause");
        EXPECT_EQ(it.seen.of(*made).labels, made->labels);
        EXPECT_EQ(it.seen.of(*made).owner_database_id, "db-1");
        made->paused = false;
        auto updated = co_await it.port.update(*made);
        if (!updated) co_return updated;
        worked = co_await it.world.work(*made);
        if (!worked) co_return worked;
        co_return co_await it.seen.until(
            [&] { return !it.seen.of(*made).paused && it.is_ready(*made); });
    });
}

TEST_P(cluster_contract, updates_only_the_object_of_the_records_uid) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto wanted = record();
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        auto missing = co_await it.port.update(wanted);
        failed(missing, base::errc::not_found);
        auto put = co_await it.world.put_foreign(wanted);
        if (!put) co_return put;
        const auto before = co_await it.world.picture_of(wanted);
        wanted.labels = {{"tier", "gold"}};
        auto refused = co_await it.port.update(wanted);
        failed(refused, base::errc::precondition);
        const auto after = co_await it.world.picture_of(wanted);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// ---- changes -----------------------------------------------------------------------------

TEST_P(cluster_contract, one_request_is_one_change) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        const auto wanted = grown(*made);
        const auto kind = domain::change_kind::vertical_scaling;
        for (int turn = 0; turn < 3; ++turn) {
            auto asked = co_await it.port.request_change(wanted, kind, "op-1");
            if (!asked) co_return asked;
        }
        const auto count = co_await it.world.changes_of(wanted);
        EXPECT_EQ(count.value(), 1U);
        auto told = co_await it.seen.until([&] { return !it.seen.of(wanted).changes.empty(); });
        if (!told) co_return told;
        EXPECT_EQ(it.seen.of(wanted).changes.size(), 1U);
        EXPECT_EQ(it.seen.of(wanted).changes[0].kind, kind);
        EXPECT_EQ(it.seen.of(wanted).changes[0].operation_id, "op-1");
        auto worked = co_await it.world.work(wanted);
        if (!worked) co_return worked;
        co_return co_await it.seen.until([&] {
            const auto& state = it.seen.of(wanted);
            return state.changes[0].phase == domain::change_phase::successful &&
                   state.topology == wanted.topology;
        });
    });
}

TEST_P(cluster_contract, each_operation_has_its_own_change) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto wanted = grown(*made);
        wanted.topology.data().storage.bytes *= 2;
        using enum domain::change_kind;
        for (const auto& [kind, operation] :
             {std::pair{volume_expansion, "op-1"}, std::pair{vertical_scaling, "op-1"},
              std::pair{vertical_scaling, "op-2"}}) {
            auto asked = co_await it.port.request_change(wanted, kind, operation);
            EXPECT_TRUE(asked);
        }
        const auto count = co_await it.world.changes_of(wanted);
        EXPECT_EQ(count.value(), 3U);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, changes_only_the_object_of_the_records_uid) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto wanted = grown(record());
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        const auto kind = domain::change_kind::vertical_scaling;
        auto missing = co_await it.port.request_change(wanted, kind, "op-1");
        failed(missing, base::errc::not_found);
        auto put = co_await it.world.put_foreign(record());
        if (!put) co_return put;
        auto refused = co_await it.port.request_change(wanted, kind, "op-1");
        failed(refused, base::errc::precondition);
        const auto count = co_await it.world.changes_of(wanted);
        EXPECT_EQ(count.value(), 0U);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, says_what_an_engine_cannot) {
    play([](scene& it) -> aio::task<> {
        auto offered = co_await it.world.offer("memcached", {.name = "1.6", .version = "1.6"});
        if (!offered) co_return offered;
        auto told = co_await it.seen.until([&] { return !it.seen.versions("memcached").empty(); });
        if (!told) co_return told;
        auto wanted = record();
        wanted.engine = "memcached";
        wanted.topology.data().storage.bytes = 0;
        auto made = co_await it.create(wanted);
        if (!made) co_return base::pass(std::move(made));
        auto refused =
            co_await it.port.request_change(*made, domain::change_kind::volume_expansion, "op-1");
        failed(refused, base::errc::unsupported);
        co_return base::ok();
    });
}

}  // namespace fakes
