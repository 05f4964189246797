#pragma once
// The fixture of the tests of the KubeDB adapter alone, over HTTP: the local API server runs in
// this process and simulates the databases.

#include <gtest/gtest.h>

#include "test/support/cluster_world.hpp"
#include "test/support/co_require.hpp"
#include "test/wire/kubedb_world.hpp"

namespace kubedb_wire {

class kubedb_cluster : public testing::Test {
  protected:
    struct environment {
        kubedb_world& world;
        ports::cluster& port;
        fakes::cluster_watcher& observer;
        // Creates the object and stores its uid in the record.
        aio::task<> make(domain::database& wanted) {
            auto uid = co_await port.create(wanted);
            CO_REQUIRE(uid);
            wanted.object_uid = *uid;
            co_return base::ok();
        }
        // Deletes the object as an administrator and reads it until it is gone.
        aio::task<> delete_in_cluster(domain::database record) {
            CO_REQUIRE(co_await world.delete_object(record));
            while (true) {
                const auto present = co_await world.snapshot_of(record);
                CO_REQUIRE(present);
                if (present->empty()) co_return base::ok();
            }
        }
    };
    // Runs a test on its own loop after the adapter has synced.
    void run(std::function<aio::task<>(environment&)> act, kubedb::cluster_options options = {}) {
        auto whole = [](std::function<aio::task<>(environment&)> inner,
                        kubedb::cluster_options chosen) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            kubedb_world world(executor, chosen);
            fakes::cluster_watcher observer(executor);
            aio::task_group background(executor);
            background.spawn(world.port().run(observer));
            environment env{world, world.port(), observer};
            auto result = co_await observer.wait_until(
                [&] { return observer.sync_state() == ports::sync_state::synced; });
            if (result) result = co_await env.port.ensure_project({.name = "shop"});
            if (result) result = co_await inner(env);
            background.cancel();
            co_await background.join();
            co_return result;
        };
        const auto result = aio::block_on(
            aio::with_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(30),
                               whole(std::move(act), options)));
        EXPECT_TRUE(result) << base::name(result.error().code) << ": " << result.error().text;
    }
    static domain::database record() {
        return {.id = "db-1",
                .project = "shop",
                .name = "cache",
                .engine = "redis",
                .version = "7.2.1",
                .topology = {.groups = {{.size = {500, std::int64_t(1) << 30},
                                         .storage = {.bytes = std::int64_t(1) << 30}}}}};
    }
};

}  // namespace kubedb_wire
