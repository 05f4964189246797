// The KubeDB adapter over HTTP while watches, kinds and the history of the API server change: the
// local API server runs in this process and simulates the databases.

#include <gtest/gtest.h>

#include "kube/api_status.hpp"
#include "test/wire/kubedb_cluster_fixture.hpp"

using kubedb_wire::kubedb_cluster;

namespace {

base::failure not_served() {
    return kube::failure_of_response(404, "404 page not found");
}

TEST_F(kubedb_cluster, a_404_without_status_does_not_mean_that_databases_are_missing) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        env.world.wire().fail_next("create redises", not_served());
        const auto rejected = co_await env.port.create(wanted);
        EXPECT_EQ(rejected.error().code, base::errc::unavailable);
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(
            co_await env.observer.wait_until([&] { return env.observer.state_of(wanted).exists; }));
        env.world.wire().fail_next("get redises", not_served());
        const auto updated = co_await env.port.update(wanted);
        EXPECT_EQ(updated.error().code, base::errc::unavailable);
        env.world.wire().fail_next("get redises", not_served());
        const auto removed = co_await env.port.remove(wanted);
        EXPECT_EQ(removed.error().code, base::errc::unavailable);
        // The watch ends and starts again.
        env.world.wire().fail_next("watch redises", not_served());
        CO_REQUIRE(co_await env.world.cut_watches());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.sync_state() == ports::sync_state::disconnected; }));
        EXPECT_TRUE(env.observer.state_of(wanted).exists);
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.sync_state() == ports::sync_state::synced; }));
        EXPECT_TRUE(env.observer.state_of(wanted).exists);
        wanted.labels = {{"tier", "gold"}};
        CO_REQUIRE(co_await env.port.update(wanted));
        co_return co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).labels == wanted.labels; });
    });
}

TEST_F(kubedb_cluster, watches_a_kind_in_the_version_that_it_moved_to) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.state_of(wanted).phase == domain::observed_phase::ready; }));
        auto moved = co_await env.world.stop_serving_version("redis");
        if (moved) moved = co_await env.world.cut_watches();
        CO_REQUIRE(moved);
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return env.observer.sync_state() == ports::sync_state::disconnected; }));
        co_return co_await env.observer.wait_until([&] {
            EXPECT_TRUE(env.observer.state_of(wanted).exists);
            return env.observer.sync_state() == ports::sync_state::synced;
        });
    });
}

TEST_F(kubedb_cluster, a_deleted_kind_makes_its_databases_missing_and_calls_unavailable) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(
            co_await env.observer.wait_until([&] { return env.observer.state_of(wanted).exists; }));
        // No watch reports that the objects were deleted.
        CO_REQUIRE(co_await env.world.silence_watches());
        CO_REQUIRE(co_await env.world.delete_kind("redis"));
        CO_REQUIRE(co_await env.world.cut_watches());
        CO_REQUIRE(co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).exists; }));
        // The kind may be installed again.
        const auto removed = co_await env.port.remove(wanted);
        EXPECT_EQ(removed.error().code, base::errc::unavailable);
        const auto created = co_await env.port.create(wanted);
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_periodic_check_finds_a_history_that_went_back) {
    run(
        [](environment& env) -> aio::task<> {
            auto wanted = record();
            CO_REQUIRE(co_await env.make(wanted));
            CO_REQUIRE(co_await env.observer.wait_until(
                [&] { return env.observer.state_of(wanted).exists; }));
            CO_REQUIRE(co_await env.world.silence_watches());
            CO_REQUIRE(co_await env.delete_in_cluster(wanted));
            EXPECT_TRUE(env.observer.state_of(wanted).exists);
            env.world.wire().show_old_history("redises");
            co_return co_await env.observer.wait_until(
                [&] { return !env.observer.state_of(wanted).exists; });
        },
        {.verify_period = std::chrono::milliseconds(5)});
}

TEST_F(kubedb_cluster, a_check_after_a_lost_connection_finds_a_history_that_went_back) {
    run([](environment& env) -> aio::task<> {
        auto wanted = record();
        CO_REQUIRE(co_await env.make(wanted));
        CO_REQUIRE(
            co_await env.observer.wait_until([&] { return env.observer.state_of(wanted).exists; }));
        CO_REQUIRE(co_await env.world.silence_watches());
        CO_REQUIRE(co_await env.delete_in_cluster(wanted));
        EXPECT_TRUE(env.observer.state_of(wanted).exists);
        env.world.wire().fail_next("watch redises",
                                   {.code = base::errc::unavailable, .text = "connection refused"});
        env.world.wire().show_old_history("redises");
        CO_REQUIRE(co_await env.world.cut_watches(true));
        co_return co_await env.observer.wait_until(
            [&] { return !env.observer.state_of(wanted).exists; });
    });
}

}  // namespace
