#pragma once
// The fixture of the contract suite of ports::cluster (cluster_contract.hpp). It runs each test on
// its own loop, after the port has synced.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "aio/block_on.hpp"
#include "test/support/cluster_world.hpp"
#include "test/support/co_require.hpp"

namespace fakes {

class cluster_contract : public ::testing::TestWithParam<cluster_world_factory> {
  protected:
    struct environment {
        cluster_world& world;
        ports::cluster& port;
        cluster_watcher& observer;

        // Creates the project and the object. Returns the record with the uid of the object.
        aio::task<domain::database> create(domain::database record) {
            CO_REQUIRE(co_await port.ensure_project({.name = record.project}));
            auto uid = co_await port.create(record);
            CO_REQUIRE(uid);
            record.object_uid = std::move(*uid);
            co_return record;
        }
        // Creates the object and waits until the operator has made it ready.
        aio::task<domain::database> bring_up(domain::database record) {
            auto database = co_await create(std::move(record));
            CO_REQUIRE(database);
            CO_REQUIRE(co_await world.run_operator(*database));
            CO_REQUIRE(co_await observer.wait_until([&] { return is_ready(*database); }));
            co_return database;
        }
        // Calls remove() until nothing is left.
        aio::task<> remove_all(domain::database record) {
            while (true) {
                auto deleted = co_await port.remove(record);
                CO_REQUIRE(deleted);
                if (*deleted) co_return base::ok();
                CO_REQUIRE(co_await world.run_operator(record));
                CO_REQUIRE(co_await observer.wait_until(
                    [&] { return !observer.state_of(record).exists; }));
            }
        }
        [[nodiscard]] bool is_ready(const domain::database& record) const {
            const auto& state = observer.state_of(record);
            return state.exists && state.uid == record.object_uid &&
                   state.phase == domain::observed_phase::ready && !state.members.empty();
        }
        // Awaits a call that meets an injected fault. Cancels a call that hangs.
        template <class T>
        aio::task<T> call_with(injected_fault fault, aio::task<T> call) {
            if (fault != injected_fault::hung) co_return co_await std::move(call);
            const auto executor = co_await aio::this_executor();
            std::optional<base::outcome<T>> result;
            auto store = [](aio::task<T> inner,
                            std::optional<base::outcome<T>>* out) -> aio::task<> {
                out->emplace(co_await std::move(inner));
                co_return base::ok();
            };
            aio::task_group calls(executor);
            calls.spawn(store(std::move(call), &result));
            auto hangs = co_await world.wait_until_hung();
            calls.cancel();
            co_await calls.join();
            CO_REQUIRE(hangs);
            if (!result) co_return base::fail(base::errc::internal, "the call did not end");
            co_return std::move(*result);
        }
    };

    void run(std::function<aio::task<>(environment&)> act) {
        auto whole = [](cluster_world_factory make,
                        std::function<aio::task<>(environment&)> inner) -> aio::task<> {
            const auto executor = co_await aio::this_executor();
            const auto world = make(executor);
            cluster_watcher observer(executor);
            aio::task_group background(executor);
            background.spawn(world->port().run(observer));
            environment env{*world, world->port(), observer};
            auto result = co_await observer.wait_until(
                [&] { return observer.sync_state() == ports::sync_state::synced; });
            if (result) result = co_await inner(env);
            background.cancel();
            co_await background.join();
            co_return result;
        };
        const auto result = aio::block_on(
            aio::with_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(30),
                               whole(GetParam(), std::move(act))));
        EXPECT_TRUE(result) << base::name(result.error().code) << ": " << result.error().text;
    }

    static domain::database record(std::string id = "db-1") {
        return {.id = std::move(id),
                .project = "shop",
                .name = "cache",
                .engine = "redis",
                .version = "7.2.1",
                .topology = {.groups = {{.size = {500, std::int64_t(1) << 30},
                                         .storage = {.bytes = std::int64_t(1) << 30}}}},
                .labels = {{"team", "web"}}};
    }
    static domain::database scaled_up(domain::database record) {
        record.topology.data().size = {1000, std::int64_t(2) << 30};
        return record;
    }
    template <class T>
    static bool failed(const base::outcome<T>& result, base::errc code,
                       std::string_view reason = {}) {
        if (result) ADD_FAILURE() << "succeeded, " << base::name(code) << " was expected";
        if (!result && result.error().code != code) {
            ADD_FAILURE() << base::name(result.error().code) << " (" << result.error().text << "), "
                          << base::name(code) << " was expected";
        }
        if (!result && !reason.empty()) {
            EXPECT_EQ(result.error().reason, reason);
        }
        return !result;
    }
    // Expects the failure that an injected fault causes.
    template <class T>
    static void expect_fault(const base::outcome<T>& result, injected_fault fault) {
        using base::errc;
        if (fault == injected_fault::unavailable) failed(result, errc::unavailable);
        if (fault == injected_fault::denied) failed(result, errc::denied);
        if (fault == injected_fault::lost_response) failed(result, errc::timed_out);
        if (fault == injected_fault::hung) failed(result, errc::cancelled);
    }
    static constexpr std::array all_faults{injected_fault::unavailable, injected_fault::denied,
                                           injected_fault::lost_response, injected_fault::hung};
};

}  // namespace fakes
