#pragma once
// The fixture of the contract suite of ports::cluster: runs one test on a loop of its own, with the
// port watching. See cluster_contract.hpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "aio/block_on.hpp"
#include "test/support/cluster_world.hpp"

namespace fakes {

class cluster_contract : public ::testing::TestWithParam<cluster_world_factory> {
  protected:
    struct scene {
        cluster_world& world;
        ports::cluster& port;
        cluster_watcher& seen;

        // Creates the object with its project; the answer is the record with the object's uid.
        aio::task<domain::database> create(domain::database record) {
            auto ensured = co_await port.ensure_project({.name = record.project});
            if (!ensured) co_return base::pass(std::move(ensured));
            auto uid = co_await port.create(record);
            if (!uid) co_return base::pass(std::move(uid));
            record.object_uid = std::move(*uid);
            co_return record;
        }
        // The same, and the operator has made it ready.
        aio::task<domain::database> bring_up(domain::database record) {
            auto made = co_await create(std::move(record));
            if (!made) co_return made;
            auto worked = co_await world.work(*made);
            if (!worked) co_return base::pass(std::move(worked));
            auto ready = co_await seen.until([&] { return is_ready(*made); });
            if (!ready) co_return base::pass(std::move(ready), "become ready");
            co_return made;
        }
        // Asks until nothing is left.
        aio::task<> remove_all(domain::database record) {
            while (true) {
                auto gone = co_await port.remove(record);
                if (!gone) co_return base::pass(std::move(gone));
                if (*gone) co_return base::ok();
                auto worked = co_await world.work(record);
                if (!worked) co_return worked;
                auto seen_gone = co_await seen.until([&] { return !seen.of(record).exists; });
                if (!seen_gone) co_return seen_gone;
            }
        }
        [[nodiscard]] bool is_ready(const domain::database& record) const {
            const auto& state = seen.of(record);
            return state.exists && state.uid == record.object_uid &&
                   state.phase == domain::observed_phase::ready && !state.members.empty();
        }
        // A call that is in trouble; one that hangs is cancelled once it does.
        template <class T>
        aio::task<T> call_in(trouble what, aio::task<T> call) {
            if (what != trouble::hung) co_return co_await std::move(call);
            const auto on = co_await aio::this_executor();
            std::optional<base::outcome<T>> result;
            auto keep = [](aio::task<T> inner,
                           std::optional<base::outcome<T>>* into) -> aio::task<> {
                into->emplace(co_await std::move(inner));
                co_return base::ok();
            };
            aio::task_group calls(on);
            calls.spawn(keep(std::move(call), &result));
            auto hangs = co_await world.until_hung();
            calls.cancel();
            co_await calls.join();
            if (!hangs) co_return base::pass(std::move(hangs), "hang");
            if (!result) co_return base::fail(base::errc::internal, "the call did not end");
            co_return std::move(*result);
        }
    };

    void play(std::function<aio::task<>(scene&)> act) {
        auto whole = [](cluster_world_factory make,
                        std::function<aio::task<>(scene&)> inner) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            const auto world = make(on);
            cluster_watcher seen(on);
            aio::task_group running(on);
            running.spawn(world->port().run(seen));
            scene it{*world, world->port(), seen};
            auto played =
                co_await seen.until([&] { return seen.link() == ports::sync_state::synced; });
            if (played) played = co_await inner(it);
            running.cancel();
            co_await running.join();
            co_return played;
        };
        const auto played = aio::block_on(
            aio::with_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(30),
                               whole(GetParam(), std::move(act))));
        EXPECT_TRUE(played) << base::name(played.error().code) << ": " << played.error().text;
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
    static domain::database grown(domain::database from) {
        from.topology.data().size = {1000, std::int64_t(2) << 30};
        return from;
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
    // What a call in trouble may come to.
    template <class T>
    static void expect_trouble(const base::outcome<T>& result, trouble what) {
        using base::errc;
        if (what == trouble::down) failed(result, errc::unavailable);
        if (what == trouble::denied) failed(result, errc::denied);
        if (what == trouble::lost) failed(result, errc::timed_out);
        if (what == trouble::hung) failed(result, errc::cancelled);
    }
    static constexpr std::array all_trouble{trouble::down, trouble::denied, trouble::lost,
                                            trouble::hung};
};

}  // namespace fakes
