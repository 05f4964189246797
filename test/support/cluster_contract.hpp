#pragma once
// The contract suite of ports::cluster. The test of an adapter includes this file and instantiates
// the suite with a factory of cluster_world: an empty cluster with an operator that offers "redis"
// and "postgres". No test waits for a fixed time; each step waits for the state that it needs.

#include "test/support/cluster_contract_failures.hpp"
#include "test/support/cluster_stage.hpp"

namespace fakes {

// ---- catalogue ---------------------------------------------------------------------

TEST_P(cluster_contract, publishes_the_versions_of_the_catalogue_newest_first) {
    run([](environment& env) -> aio::task<> {
        const ports::engine_version newest{
            .name = "valkey-99.1.0", .version = "99.1.0", .distribution = "Valkey"};
        CO_REQUIRE(co_await env.world.add_version("redis", newest));
        CO_REQUIRE(co_await env.world.add_version(
            "redis", {.name = "1.10.0", .version = "1.10.0", .deprecated = true}));
        auto published = co_await env.observer.wait_until([&] {
            const auto all = env.observer.versions("redis");
            return all.size() > 2 && all.front() == newest && all.back().deprecated;
        });
        EXPECT_TRUE(published);
        EXPECT_FALSE(env.observer.versions("postgres").empty());
        EXPECT_TRUE(env.observer.versions("cassandra").empty());
        CO_REQUIRE(co_await env.world.remove_version("redis", newest.name));
        co_return co_await env.observer.wait_until([&] {
            const auto all = env.observer.versions("redis");
            return std::ranges::find(all, newest.name, &ports::engine_version::name) == all.end();
        });
    });
}

TEST_P(cluster_contract, publishes_the_capacity_of_the_cluster) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(
            co_await env.observer.wait_until([&] { return env.observer.catalogue() != nullptr; }));
        const auto before = env.observer.catalogue();
        CO_REQUIRE(co_await env.world.add_capacity(4000, std::int64_t(8) << 30));
        co_return co_await env.observer.wait_until([&] {
            const auto& now = *env.observer.catalogue();
            return now.capacity_cpu_millis == before->capacity_cpu_millis + 4000 &&
                   now.capacity_memory_bytes ==
                       before->capacity_memory_bytes + (std::int64_t(8) << 30);
        });
    });
}

// ---- projects ----------------------------------------------------------------------------

TEST_P(cluster_contract, ensure_project_is_idempotent) {
    run([](environment& env) -> aio::task<> {
        for (int attempt = 0; attempt < 3; ++attempt) {
            auto ensured = co_await env.port.ensure_project({.name = "shop"});
            EXPECT_TRUE(ensured);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, ensure_project_fails_with_not_owned_for_a_foreign_namespace) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.world.put_foreign_project("shop"));
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto ensured = co_await env.port.ensure_project({.name = "shop"});
            failed(ensured, base::errc::conflict, "not_owned");
        }
        co_return base::ok();
    });
}

// ---- creation ----------------------------------------------------------------------------

TEST_P(cluster_contract, create_creates_the_object_of_the_record_and_publishes_its_state) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.create(record());
        CO_REQUIRE(database);
        EXPECT_FALSE(database->object_uid.empty());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(*database).exists; }));
        const auto& state = env.observer.state_of(*database);
        EXPECT_EQ(state.uid, database->object_uid);
        EXPECT_EQ(state.owner_database_id, "db-1");
        EXPECT_EQ(state.version, database->version);
        EXPECT_EQ(state.topology, database->topology);
        EXPECT_EQ(state.labels, database->labels);
        EXPECT_FALSE(state.paused);
        EXPECT_FALSE(state.deleting);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, publishes_members_and_endpoints_of_a_ready_database) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        co_return co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(*database);
            return state.has_metrics() && state.members.size() == 1 && state.members[0].ready &&
                   !state.endpoints.empty() && !state.endpoints[0].host.empty() &&
                   state.endpoints[0].port > 0;
        });
    });
}

TEST_P(cluster_contract, create_is_idempotent) {
    run([](environment& env) -> aio::task<> {
        auto first = co_await env.create(record());
        CO_REQUIRE(first);
        const auto before = co_await env.world.snapshot_of(*first);
        auto second = co_await env.create(record());
        CO_REQUIRE(second);
        EXPECT_EQ(second->object_uid, first->object_uid);
        const auto after = co_await env.world.snapshot_of(*first);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, create_fails_with_not_owned_for_a_foreign_object) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(record()).exists; }));
        EXPECT_EQ(env.observer.state_of(record()).owner_database_id, "");
        const auto before = co_await env.world.snapshot_of(record());
        auto created = co_await env.port.create(record());
        failed(created, base::errc::conflict, "not_owned");
        const auto after = co_await env.world.snapshot_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, create_fails_with_not_owned_if_another_record_has_the_name) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.create(record()));
        auto other = co_await env.create(record("db-2"));
        failed(other, base::errc::conflict, "not_owned");
        co_return base::ok();
    });
}

TEST_P(cluster_contract, create_fails_with_deleting_until_the_old_object_is_deleted) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        CO_REQUIRE(co_await env.world.block_deletion(*database));
        auto requested = co_await env.port.remove(*database);
        EXPECT_FALSE(requested.value());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(*database).deleting; }));
        for (const auto* id : {"db-1", "db-2"}) {
            auto rejected = co_await env.create(record(id));
            failed(rejected, base::errc::conflict, "deleting");
        }
        CO_REQUIRE(co_await env.world.unblock_deletion(*database));
        CO_REQUIRE(co_await env.remove_all(*database));
        auto next = co_await env.bring_up(record("db-2"));
        CO_REQUIRE(next);
        EXPECT_NE(next->object_uid, database->object_uid);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, create_fails_with_engine_not_installed_for_an_unknown_engine) {
    run([](environment& env) -> aio::task<> {
        auto record_of_unknown_engine = record();
        record_of_unknown_engine.engine = "cassandra";
        auto database = co_await env.create(record_of_unknown_engine);
        failed(database, base::errc::unsupported, "engine_not_installed");
        co_return base::ok();
    });
}

// ---- updates -----------------------------------------------------------------------------

TEST_P(cluster_contract, update_applies_the_labels_and_the_pause_of_the_record) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        database->labels = {{"tier", "gold"}};
        database->paused = true;
        for (int attempt = 0; attempt < 2; ++attempt) {
            CO_REQUIRE(co_await env.port.update(*database));
        }
        CO_REQUIRE(co_await env.world.run_operator(*database));
        auto paused = co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(*database);
            return state.paused && state.phase == domain::observed_phase::halted;
        });
        CO_REQUIRE(paused);
        EXPECT_EQ(env.observer.state_of(*database).labels, database->labels);
        EXPECT_EQ(env.observer.state_of(*database).owner_database_id, "db-1");
        database->paused = false;
        CO_REQUIRE(co_await env.port.update(*database));
        CO_REQUIRE(co_await env.world.run_operator(*database));
        co_return co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(*database).paused && env.is_ready(*database); });
    });
}

TEST_P(cluster_contract, update_with_the_uid_of_another_object_is_a_precondition_error) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        auto wanted = record();
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        auto missing = co_await env.port.update(wanted);
        failed(missing, base::errc::not_found);
        CO_REQUIRE(co_await env.world.put_foreign_object(wanted));
        const auto before = co_await env.world.snapshot_of(wanted);
        wanted.labels = {{"tier", "gold"}};
        auto rejected = co_await env.port.update(wanted);
        failed(rejected, base::errc::precondition);
        const auto after = co_await env.world.snapshot_of(wanted);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// ---- changes -----------------------------------------------------------------------------

TEST_P(cluster_contract, request_change_is_idempotent_for_one_operation) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        const auto wanted = scaled_up(*database);
        const auto kind = domain::change_kind::vertical_scaling;
        for (int attempt = 0; attempt < 3; ++attempt) {
            CO_REQUIRE(co_await env.port.request_change(wanted, kind, "op-1"));
        }
        const auto count = co_await env.world.count_changes(wanted);
        EXPECT_EQ(count.value(), 1U);
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).changes.empty(); }));
        EXPECT_EQ(env.observer.state_of(wanted).changes.size(), 1U);
        EXPECT_EQ(env.observer.state_of(wanted).changes[0].kind, kind);
        EXPECT_EQ(env.observer.state_of(wanted).changes[0].operation_id, "op-1");
        CO_REQUIRE(co_await env.world.run_operator(wanted));
        co_return co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(wanted);
            return state.changes[0].phase == domain::change_phase::successful &&
                   state.topology == wanted.topology;
        });
    });
}

TEST_P(cluster_contract, request_change_creates_one_request_per_kind_and_operation) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        auto wanted = scaled_up(*database);
        wanted.topology.data().storage.bytes *= 2;
        using enum domain::change_kind;
        for (const auto& [kind, operation] :
             {std::pair{volume_expansion, "op-1"}, std::pair{vertical_scaling, "op-1"},
              std::pair{vertical_scaling, "op-2"}}) {
            auto requested = co_await env.port.request_change(wanted, kind, operation);
            EXPECT_TRUE(requested);
        }
        const auto count = co_await env.world.count_changes(wanted);
        EXPECT_EQ(count.value(), 3U);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, request_change_with_the_uid_of_another_object_is_a_precondition_error) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        auto wanted = scaled_up(record());
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        const auto kind = domain::change_kind::vertical_scaling;
        auto missing = co_await env.port.request_change(wanted, kind, "op-1");
        failed(missing, base::errc::not_found);
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        auto rejected = co_await env.port.request_change(wanted, kind, "op-1");
        failed(rejected, base::errc::precondition);
        const auto count = co_await env.world.count_changes(wanted);
        EXPECT_EQ(count.value(), 0U);
        co_return base::ok();
    });
}

TEST_P(cluster_contract, request_change_fails_with_unsupported_if_the_engine_lacks_the_change) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.world.add_version("memcached", {.name = "1.6", .version = "1.6"}));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.versions("memcached").empty(); }));
        auto wanted = record();
        wanted.engine = "memcached";
        wanted.topology.data().storage.bytes = 0;
        auto database = co_await env.create(wanted);
        CO_REQUIRE(database);
        auto rejected = co_await env.port.request_change(
            *database, domain::change_kind::volume_expansion, "op-1");
        failed(rejected, base::errc::unsupported);
        co_return base::ok();
    });
}

}  // namespace fakes
