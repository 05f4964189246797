// Runs the contract suite of ports::cluster against the KubeDB adapter, and the tests of the
// adapter alone, over HTTP: the local API server runs in this process and simulates the databases.

#include <gtest/gtest.h>

#include "domain/decide.hpp"
#include "domain/failure_cause.hpp"
#include "kube/api_status.hpp"
#include "test/support/cluster_contract.hpp"
#include "test/wire/kubedb_cluster_fixture.hpp"

using kubedb_wire::kubedb_cluster;
using kubedb_wire::kubedb_world;

namespace fakes {
INSTANTIATE_TEST_SUITE_P(kubedb, cluster_contract,
                         ::testing::Values([](const aio::executor& executor) {
                             return std::make_unique<kubedb_world>(executor);
                         }));
}  // namespace fakes

// ---- this adapter alone ------------------------------------------------------------------

namespace {

aio::task<bool> is_sentinel_halted(kube::client& client) {
    const kube::resource sentinels{.group = "kubedb.com",
                                   .version = "v1",
                                   .plural = "redissentinels",
                                   .kind = "RedisSentinel"};
    auto sentinel = co_await client.get(sentinels, "dbaas-shop", "cache-sentinel");
    CO_REQUIRE(sentinel);
    co_return json::flag_at(json::object_or_empty(*sentinel, "spec"), "halted");
}

TEST_F(kubedb_cluster, update_leaves_an_object_that_replaced_the_old_one_unchanged) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        wanted.labels = {{"tier", "gold"}};
        base::outcome<std::string> before;
        env.world.wire().before_next("patch redises", [&env, wanted, &before]() -> aio::task<> {
            CO_REQUIRE(co_await env.world.delete_object(wanted));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return !env.observer.state_of(wanted).exists; }));
            auto put = co_await env.world.put_foreign_object(record());
            before = co_await env.world.snapshot_of(wanted);
            co_return put;
        });
        auto updated = co_await env.port.update(wanted);
        EXPECT_FALSE(updated);
        if (!updated) EXPECT_EQ(updated.error().code, base::errc::precondition);
        const auto after = co_await env.world.snapshot_of(wanted);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// The watches have not started. That a kind is not known yet does not mean that it is missing.
TEST_F(kubedb_cluster, calls_fail_with_unavailable_before_the_first_sync) {
    run([](environment& env) -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        obs::registry registry;
        const auto unread = kubedb::make_cluster(executor, env.world.admin(), base::system_clock(),
                                                 obs::null_log(), registry);
        const auto created = co_await unread->create(record());
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        const auto updated = co_await unread->update(record());
        EXPECT_EQ(updated.error().code, base::errc::unavailable);
        const auto changed = co_await unread->request_change(
            record(), domain::change_kind::vertical_scaling, "op-1");
        EXPECT_EQ(changed.error().code, base::errc::unavailable);
        const auto removed = co_await unread->remove(record());
        EXPECT_EQ(removed.error().code, base::errc::unavailable);
        const auto login = co_await unread->read_credentials(record());
        EXPECT_EQ(login.error().code, base::errc::unavailable);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, ensure_project_recreates_a_deleted_namespace) {
    run([](environment& env) -> aio::task<> {
        auto blocked = record();
        blocked.name = "held";
        CO_REQUIRE(co_await env.port.create(blocked));
        CO_REQUIRE(co_await env.world.block_deletion(blocked));
        CO_REQUIRE(co_await env.world.delete_namespace("shop"));
        const auto rejected = co_await env.port.create(record());
        EXPECT_EQ(rejected.error().code, base::errc::conflict);
        EXPECT_EQ(rejected.error().cause, domain::failure_cause::deleting);
        const auto pending = co_await env.port.ensure_project({.name = "shop"});
        EXPECT_EQ(pending.error().code, base::errc::unavailable);
        CO_REQUIRE(co_await env.world.unblock_deletion(blocked));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(blocked).exists; }));
        base::outcome<void> again;
        do {
            again = co_await env.port.ensure_project({.name = "shop"});
        } while (!again && again.error().cause == domain::failure_cause::deleting);
        CO_REQUIRE(again);
        auto database = co_await env.port.create(record());
        EXPECT_TRUE(database);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, create_in_a_missing_namespace_fails_with_project_missing) {
    run([](environment& env) -> aio::task<> {
        auto elsewhere = record();
        elsewhere.project = "nowhere";
        const auto created = co_await env.port.create(elsewhere);
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        EXPECT_EQ(created.error().reason, "project_missing");
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, an_exceeded_quota_is_a_limit_error) {
    run([](environment& env) -> aio::task<> {
        // The text of kube-apiserver's quota admission.
        env.world.wire().fail_next(
            "create redises",
            {.code = base::errc::denied,
             .text = "redises.kubedb.com \"cache\" is forbidden: exceeded quota: databases, "
                     "requested: count/redises.kubedb.com=1, used: count/redises.kubedb.com=2, "
                     "limited: count/redises.kubedb.com=2",
             .reason = "Forbidden"});
        const auto created = co_await env.port.create(record());
        EXPECT_EQ(created.error().code, base::errc::limit);
        co_return base::ok();
    });
}

// The API server rejects the account of the platform, not the caller of the port.
TEST_F(kubedb_cluster, rejected_reads_of_credentials_are_unavailable_and_logged) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).phase == domain::observed_phase::ready; }));
        const std::string text = "system:serviceaccount:dbaas:dbaas cannot get this";
        std::size_t line_count = 0;
        for (const auto* call : {"get redises", "get appbindings", "get secrets"}) {
            for (const auto code :
                 {base::errc::denied, base::errc::invalid, base::errc::unsupported}) {
                env.world.wire().fail_next(call,
                                           {.code = code, .text = text, .reason = "Forbidden"});
                const auto login = co_await env.port.read_credentials(wanted);
                EXPECT_EQ(login.error().code, base::errc::unavailable) << call;
                EXPECT_EQ(login.error().reason, "cluster_refused");
                EXPECT_EQ(login.error().text,
                          "the cluster denies the platform the credentials; its log says why");
                const auto lines = env.world.log().lines_of("credentials_refused");
                EXPECT_EQ(lines.size(), ++line_count);
                EXPECT_TRUE(lines.back().contains(text)) << lines.back();
            }
        }
        co_return base::ok();
    });
}

// KubeDB turns the authentication of Redis 4 off: there is no Secret, and the AppBinding names
// none.
TEST_F(kubedb_cluster, a_database_without_authentication_has_a_login) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).phase == domain::observed_phase::ready; }));
        CO_REQUIRE(co_await env.world.delete_auth_secret(wanted));
        const auto deleted = co_await env.port.read_credentials(wanted);
        EXPECT_EQ(deleted.error().reason, "credentials_not_ready");
        const json::object client{{"url", "redis://cache.example.com"}, {"service", nullptr}};
        CO_REQUIRE(co_await env.world.patch_binding(
            wanted, {{"secret", nullptr}, {"clientConfig", client}}));
        const auto login = co_await env.port.read_credentials(wanted);
        CO_REQUIRE(login);
        EXPECT_EQ(login->uri.reveal(), "redis://cache.example.com:6379/0");
        EXPECT_EQ(login->username, "");
        co_return base::ok();
    });
}

// The status and the credentials name the same server, or both none.
TEST_F(kubedb_cluster, an_invalid_app_binding_has_neither_endpoint_nor_login) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).endpoints.empty(); }));
        const json::object client{{"url", "redis://cache:http/"}, {"service", nullptr}};
        CO_REQUIRE(co_await env.world.patch_binding(wanted, {{"clientConfig", client}}));
        const auto login = co_await env.port.read_credentials(wanted);
        EXPECT_EQ(login.error().code, base::errc::conflict);
        EXPECT_EQ(login.error().reason, "app_binding_invalid");
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).endpoints.empty(); }));
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_call_that_finds_no_object_reports_its_absence_before_any_watch) {
    run([](environment& env) -> aio::task<> {
        for (const bool is_update : {true, false}) {
            auto wanted = record();
            CO_REQUIRE(co_await env.make(wanted));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(wanted).uid == wanted.object_uid; }));
            CO_REQUIRE(co_await env.world.silence_watches());
            CO_REQUIRE(co_await env.delete_in_cluster(wanted));
            wanted.topology.data().size.memory_bytes *= 2;
            auto written = is_update ? co_await env.port.update(wanted)
                                     : co_await env.port.request_change(
                                           wanted, domain::change_kind::vertical_scaling, "op-1");
            EXPECT_FALSE(written);
            if (!written) EXPECT_EQ(written.error().code, base::errc::not_found);
            EXPECT_FALSE(env.observer.state_of(wanted).exists);
            CO_REQUIRE(co_await env.world.cut_watches());
        }
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_call_that_finds_another_object_reports_it_before_any_watch) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).uid == wanted.object_uid; }));
        CO_REQUIRE(co_await env.world.silence_watches());
        CO_REQUIRE(co_await env.delete_in_cluster(wanted));
        CO_REQUIRE(co_await env.world.put_foreign_object(record()));
        auto updated = co_await env.port.update(wanted);
        EXPECT_FALSE(updated);
        if (!updated) EXPECT_EQ(updated.error().code, base::errc::precondition);
        EXPECT_NE(env.observer.state_of(wanted).uid, wanted.object_uid);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, remove_returns_false_while_a_volume_exists_that_no_watch_reported) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        auto first = co_await env.port.remove(wanted);
        EXPECT_FALSE(first.value());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).exists; }));
        CO_REQUIRE(co_await env.world.silence_watches());
        CO_REQUIRE(co_await env.world.put_stray_volume(wanted));
        auto deleted = co_await env.port.remove(wanted);
        EXPECT_FALSE(deleted.value());
        CO_REQUIRE(co_await env.world.delete_stray_volume(wanted));
        deleted = co_await env.port.remove(wanted);
        EXPECT_TRUE(deleted.value());
        co_return base::ok();
    });
}

// KubeDB's webhook sets the policy of a halted database to Halt, which keeps everything.
TEST_F(kubedb_cluster, remove_of_a_paused_database_deletes_its_volumes) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        wanted.paused = true;
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.world.block_deletion(wanted));
        CO_REQUIRE(co_await env.world.set_policy(wanted, "Halt"));
        auto first = co_await env.port.remove(wanted);
        EXPECT_FALSE(first.value());
        const auto snapshot = co_await env.world.snapshot_of(wanted);
        EXPECT_TRUE(snapshot->contains(R"("deletionPolicy":"WipeOut")")) << *snapshot;
        EXPECT_TRUE(snapshot->contains(R"("halted":false)")) << *snapshot;
        CO_REQUIRE(co_await env.world.unblock_deletion(wanted));
        co_return co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).exists; });
    });
}

// Policies and tools add their labels to the objects that they manage and restore them.
TEST_F(kubedb_cluster, update_keeps_foreign_labels) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        wanted.labels = {{"team", "web"}};
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(
            co_await env.world.set_labels(wanted, {{"cost-center", "7"}, {"tier", "silver"}}));
        wanted.labels = {{"tier", "gold"}};  // a foreign label becomes one of the user's
        CO_REQUIRE(co_await env.port.update(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).labels == wanted.labels; }));
        const auto snapshot = co_await env.world.snapshot_of(wanted);
        EXPECT_TRUE(snapshot->contains(R"("cost-center":"7")")) << *snapshot;
        EXPECT_FALSE(snapshot->contains(R"("team")")) << *snapshot;
        co_return base::ok();
    });
}

// The reconciler sees the difference only if the Redis object is unchanged.
TEST_F(kubedb_cluster, a_failed_pause_of_the_sentinel_leaves_the_database_unchanged) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        wanted.topology.mode = domain::topology_mode::replicated;
        wanted.topology.data().replicas = 3;
        CO_REQUIRE(co_await env.make(wanted));
        for (const bool paused : {true, false}) {
            wanted.paused = paused;
            const auto before = co_await env.world.snapshot_of(wanted);
            env.world.wire().fail_next("patch redissentinels", {base::errc::unavailable, "down"});
            const auto rejected = co_await env.port.update(wanted);
            EXPECT_EQ(rejected.error().code, base::errc::unavailable);
            const auto after = co_await env.world.snapshot_of(wanted);
            EXPECT_EQ(before.value(), after.value());
            CO_REQUIRE(co_await env.port.update(wanted));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(wanted).paused == paused; }));
            const auto halted = co_await is_sentinel_halted(env.world.admin());
            EXPECT_EQ(halted.value(), paused);
        }
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_rejected_pause_of_the_database_leaves_the_sentinel_unchanged) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        wanted.topology.mode = domain::topology_mode::replicated;
        wanted.topology.data().replicas = 3;
        CO_REQUIRE(co_await env.make(wanted));
        wanted.paused = true;
        env.world.wire().fail_next("patch redises", {base::errc::denied, "forbidden"});
        const auto rejected = co_await env.port.update(wanted);
        EXPECT_EQ(rejected.error().code, base::errc::denied);
        const auto halted = co_await is_sentinel_halted(env.world.admin());
        EXPECT_FALSE(halted.value());
        co_return base::ok();
    });
}

// A proxy, or a server that has not read its definitions yet, sends such a 404.
TEST_F(kubedb_cluster, remove_finds_volumes_of_a_kind_that_is_not_installed) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        wanted.engine = "memcached";
        CO_REQUIRE(co_await env.world.delete_kind("memcached"));
        const auto executor = co_await aio::this_executor();
        obs::registry registry;
        const auto later = kubedb::make_cluster(executor, env.world.admin(), base::system_clock(),
                                                obs::null_log(), registry);
        fakes::cluster_watcher observer(executor);
        aio::task_group background(executor);
        background.spawn(later->run(observer));
        auto synced = co_await observer.wait_until(
            [&] { return observer.sync_state() == ports::sync_state::synced; });
        auto put = co_await env.world.put_stray_volume(wanted);
        const auto deleted = co_await later->remove(wanted);
        EXPECT_FALSE(deleted.value());
        auto swept = co_await env.world.delete_stray_volume(wanted);
        const auto clean = co_await later->remove(wanted);
        EXPECT_TRUE(clean.value());
        const auto created = co_await later->create(wanted);
        EXPECT_EQ(created.error().reason, "engine_not_installed");
        background.cancel();
        co_await background.join();
        co_return synced&& put ? swept : base::fail(base::errc::internal, "not prepared");
    });
}

TEST_F(kubedb_cluster, deletes_its_own_finished_requests_after_the_retention) {
    run(
        [](environment& env) -> aio::task<> {
            auto wanted = record();
            CO_REQUIRE(co_await env.make(wanted));
            CO_REQUIRE(co_await env.observer.wait_until([&] {
                return env.observer.state_of(wanted).phase == domain::observed_phase::ready;
            }));
            CO_REQUIRE(co_await env.world.create_foreign_ops_request(wanted));
            auto finished = co_await env.observer.wait_until([&] {
                const auto& changes = env.observer.state_of(wanted).changes;
                return changes.size() == 1 && changes[0].is_terminal();
            });
            CO_REQUIRE(finished);
            wanted.topology.data().size.memory_bytes *= 2;
            CO_REQUIRE(co_await env.port.request_change(
                wanted, domain::change_kind::vertical_scaling, "op-1"));
            std::size_t left = 0;
            do {
                const auto count = co_await env.world.count_changes(wanted);
                left = count.value_or(0);
            } while (left > 1);
            EXPECT_EQ(left, 1U) << "the foreign request stays";
            co_return co_await env.observer.wait_until([&] {
                return env.observer.state_of(wanted).topology == wanted.topology &&
                       env.observer.state_of(wanted).changes.size() == 1;
            });
        },
        {.requests_kept = std::chrono::hours(0), .sweep = std::chrono::milliseconds(20)});
}

TEST_F(kubedb_cluster, reports_the_port_of_the_exporter) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).has_metrics(); }));
        EXPECT_EQ(env.observer.state_of(wanted).metrics_port, 56790);
        auto first = co_await env.port.remove(wanted);
        EXPECT_FALSE(first.value());
        auto deleted = co_await env.observer.wait_until([&] {
            const auto& state = env.observer.state_of(wanted);
            return !state.exists && !state.has_metrics();
        });
        co_return deleted;
    });
}

// A storage class that does not exist. The event arrives before the database.
TEST_F(kubedb_cluster, reports_why_a_volume_claim_is_not_bound) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        constexpr std::string_view message = "storageclass.storage.k8s.io \"fast\" not found";
        CO_REQUIRE(co_await env.world.admin().create(
            {.version = "v1", .plural = "events", .kind = "Event"}, "dbaas-shop",
            {{"metadata", {{"name", "data-cache-0.18b1"}}},
             {"type", "Warning"},
             {"reason", "ProvisioningFailed"},
             {"message", message},
             {"involvedObject",
              {{"kind", "PersistentVolumeClaim"},
               {"namespace", "dbaas-shop"},
               {"name", "data-cache-0"}}},
             {"lastTimestamp", "2100-01-01T00:00:00Z"}}));
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).events.empty(); }));
        auto state = env.observer.state_of(wanted);
        state.phase = domain::observed_phase::provisioning;
        EXPECT_NE(domain::explain(state).find(message), std::string::npos)
            << domain::explain(state);
        co_return base::ok();
    });
}

}  // namespace
