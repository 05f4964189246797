#pragma once
// The second half of the contract suite of ports::cluster: deletion, credentials and injected
// faults. cluster_contract.hpp includes this file.

#include "test/support/cluster_stage.hpp"

namespace fakes {

// ---- deletion ----------------------------------------------------------------------------

TEST_P(cluster_contract, remove_returns_true_when_nothing_is_left) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        CO_REQUIRE(co_await env.port.request_change(scaled_up(*database),
                                                    domain::change_kind::vertical_scaling, "op-1"));
        auto first = co_await env.port.remove(*database);
        EXPECT_FALSE(first.value()) << "the first call cannot know that nothing is left";
        CO_REQUIRE(co_await env.remove_all(*database));
        const auto snapshot = co_await env.world.snapshot_of(*database);
        EXPECT_EQ(snapshot.value(), "");
        const auto changes = co_await env.world.count_changes(*database);
        EXPECT_EQ(changes.value(), 0U);
        auto published = co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(*database);
            return !state.exists && !state.has_leftovers && state.changes.empty();
        });
        CO_REQUIRE(published);
        auto retried = co_await env.port.remove(*database);
        EXPECT_TRUE(retried.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, remove_of_a_missing_object_returns_true) {
    run([](environment& env) -> aio::task<> {
        auto deleted = co_await env.port.remove(record());
        EXPECT_TRUE(deleted.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, remove_with_the_uid_of_another_object_is_a_precondition_error) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        const auto before = co_await env.world.snapshot_of(record());
        auto wanted = record();
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        auto rejected = co_await env.port.remove(wanted);
        failed(rejected, base::errc::precondition);
        const auto after = co_await env.world.snapshot_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// The response to create() was lost, so the record does not hold the uid.
TEST_P(cluster_contract, remove_finds_the_object_by_record_id_if_the_uid_is_unknown) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        database->object_uid.clear();
        CO_REQUIRE(co_await env.remove_all(*database));
        const auto snapshot = co_await env.world.snapshot_of(*database);
        EXPECT_EQ(snapshot.value(), "");
        co_return base::ok();
    });
}

// create() failed because of the foreign object, so the record never had an object.
TEST_P(cluster_contract, remove_of_a_record_without_object_ignores_a_foreign_object_of_the_name) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        const auto before = co_await env.world.snapshot_of(record());
        auto deleted = co_await env.port.remove(record());
        EXPECT_TRUE(deleted.value());
        const auto after = co_await env.world.snapshot_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, remove_returns_false_while_the_object_is_deleting) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        CO_REQUIRE(co_await env.world.block_deletion(*database));
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto deleted = co_await env.port.remove(*database);
            EXPECT_FALSE(deleted.value());
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(*database).deleting; }));
        }
        CO_REQUIRE(co_await env.world.unblock_deletion(*database));
        co_return co_await env.remove_all(*database);
    });
}

TEST_P(cluster_contract, remove_returns_false_while_a_volume_is_left) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        CO_REQUIRE(co_await env.world.put_stray_volume(*database));
        auto first = co_await env.port.remove(*database);
        EXPECT_FALSE(first.value());
        CO_REQUIRE(co_await env.world.run_operator(*database));
        auto published = co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(*database);
            return !state.exists && state.has_leftovers;
        });
        CO_REQUIRE(published);
        auto deleted = co_await env.port.remove(*database);
        EXPECT_FALSE(deleted.value());
        CO_REQUIRE(co_await env.world.delete_stray_volume(*database));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(*database).has_leftovers; }));
        deleted = co_await env.port.remove(*database);
        EXPECT_TRUE(deleted.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, publishes_a_foreign_deletion_and_creates_the_object_again) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        CO_REQUIRE(co_await env.world.delete_object(*database));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(*database).exists; }));
        auto updated = co_await env.port.update(*database);
        failed(updated, base::errc::not_found);
        auto next = co_await env.bring_up(record());
        CO_REQUIRE(next);
        EXPECT_NE(next->object_uid, database->object_uid);
        co_return base::ok();
    });
}

// ---- credentials -------------------------------------------------------------------------

TEST_P(cluster_contract, read_credentials_returns_the_current_password) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        for (const auto* password : {"first/secret", "second"}) {
            CO_REQUIRE(co_await env.world.set_password(*database, password));
            auto credentials = co_await env.port.read_credentials(*database);
            CO_REQUIRE(credentials);
            EXPECT_EQ(credentials->password.reveal(), password);
            EXPECT_FALSE(credentials->username.empty());
            EXPECT_FALSE(credentials->host.empty());
            EXPECT_GT(credentials->port, 0);
            EXPECT_FALSE(credentials->uri.empty());
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, read_credentials_fails_with_credentials_not_ready_without_a_database) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        auto credentials = co_await env.port.read_credentials(record());
        failed(credentials, base::errc::conflict, "credentials_not_ready");
        co_return base::ok();
    });
}

TEST_P(cluster_contract, read_credentials_fails_with_credentials_not_ready_for_a_foreign_object) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        CO_REQUIRE(co_await env.world.run_operator(record()));
        CO_REQUIRE(co_await env.observer.wait_until([&] {
            return env.observer.state_of(record()).phase == domain::observed_phase::ready;
        }));
        for (const auto* uid : {"", "ffffffff-0000-4000-8000-000000000000"}) {
            auto wanted = record();
            wanted.object_uid = uid;
            auto credentials = co_await env.port.read_credentials(wanted);
            failed(credentials, base::errc::conflict, "credentials_not_ready");
        }
        co_return base::ok();
    });
}

// ---- faults ------------------------------------------------------------------------------

TEST_P(cluster_contract, ensure_project_succeeds_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        for (const auto fault : all_faults) {
            const domain::project project{.name = "p" + std::to_string(static_cast<int>(fault))};
            CO_REQUIRE(co_await env.world.inject_fault("ensure_project", fault));
            auto ensured = co_await env.call_with(fault, env.port.ensure_project(project));
            expect_fault(ensured, fault);
            CO_REQUIRE(co_await env.world.clear_faults());
            CO_REQUIRE(co_await env.port.ensure_project(project));
            auto wanted = record("db-" + project.name);
            wanted.project = project.name;
            wanted.name = "in-" + project.name;
            auto database = co_await env.port.create(wanted);
            EXPECT_TRUE(database);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, create_makes_one_object_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        CO_REQUIRE(co_await env.port.ensure_project({.name = "shop"}));
        for (const auto fault : all_faults) {
            auto wanted = record("db-" + std::to_string(static_cast<int>(fault)));
            wanted.name = "cache" + std::to_string(static_cast<int>(fault));
            CO_REQUIRE(co_await env.world.inject_fault("create", fault));
            auto database = co_await env.call_with(fault, env.port.create(wanted));
            expect_fault(database, fault);
            CO_REQUIRE(co_await env.world.clear_faults());
            const auto snapshot = co_await env.world.snapshot_of(wanted);
            EXPECT_EQ(snapshot->empty(),
                      fault == injected_fault::unavailable || fault == injected_fault::denied);
            CO_REQUIRE(co_await env.bring_up(wanted));
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, update_succeeds_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        for (const auto fault : all_faults) {
            database->labels = {{"attempt", std::to_string(static_cast<int>(fault))}};
            CO_REQUIRE(co_await env.world.inject_fault("update", fault));
            auto updated = co_await env.call_with(fault, env.port.update(*database));
            expect_fault(updated, fault);
            CO_REQUIRE(co_await env.world.clear_faults());
            CO_REQUIRE(co_await env.port.update(*database));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(*database).labels == database->labels; }));
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, request_change_makes_one_request_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        std::size_t requests = 0;
        for (const auto fault : all_faults) {
            database->topology.data().size.cpu_millis += 100;
            const auto operation = "op-" + std::to_string(static_cast<int>(fault));
            const auto kind = domain::change_kind::vertical_scaling;
            CO_REQUIRE(co_await env.world.inject_fault("request_change", fault));
            auto first =
                co_await env.call_with(fault, env.port.request_change(*database, kind, operation));
            expect_fault(first, fault);
            CO_REQUIRE(co_await env.world.clear_faults());
            CO_REQUIRE(co_await env.port.request_change(*database, kind, operation));
            const auto count = co_await env.world.count_changes(*database);
            EXPECT_EQ(count.value(), ++requests);
            CO_REQUIRE(co_await env.world.run_operator(*database));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(*database).topology == database->topology; }));
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, remove_succeeds_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        for (const auto fault : all_faults) {
            auto database = co_await env.bring_up(record());
            CO_REQUIRE(database);
            CO_REQUIRE(co_await env.world.inject_fault("remove", fault));
            auto deleted = co_await env.call_with(fault, env.port.remove(*database));
            expect_fault(deleted, fault);
            CO_REQUIRE(co_await env.world.clear_faults());
            CO_REQUIRE(co_await env.remove_all(*database));
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, read_credentials_succeeds_after_every_fault) {
    run([](environment& env) -> aio::task<> {
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        for (const auto fault : all_faults) {
            CO_REQUIRE(co_await env.world.inject_fault("read_credentials", fault));
            auto credentials = co_await env.call_with(fault, env.port.read_credentials(*database));
            if (fault == injected_fault::denied) {  // of the platform, not of its caller
                failed(credentials, base::errc::unavailable, "cluster_refused");
            } else {
                expect_fault(credentials, fault);
            }
            CO_REQUIRE(co_await env.world.clear_faults());
            auto retried = co_await env.port.read_credentials(*database);
            EXPECT_TRUE(retried);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, publishes_a_disconnect_and_the_missed_events_after_it) {
    run([](environment& env) -> aio::task<> {
        EXPECT_EQ(env.port.state(), ports::sync_state::synced);
        auto database = co_await env.bring_up(record());
        CO_REQUIRE(database);
        auto other = record("db-2");
        other.name = "queue";
        CO_REQUIRE(co_await env.world.disconnect());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.sync_state() == ports::sync_state::disconnected; }));
        EXPECT_EQ(env.port.state(), ports::sync_state::disconnected);
        CO_REQUIRE(co_await env.world.delete_object(*database));
        CO_REQUIRE(co_await env.world.put_foreign_object(other));
        CO_REQUIRE(co_await env.world.reconnect());
        auto synced = co_await env.observer.wait_until(
            [&] { return env.observer.sync_state() == ports::sync_state::synced; });
        CO_REQUIRE(synced);
        EXPECT_EQ(env.port.state(), ports::sync_state::synced);
        co_return co_await env.observer.wait_until([&] {
            return !env.observer.state_of(*database).exists && env.observer.state_of(other).exists;
        });
    });
}

}  // namespace fakes
