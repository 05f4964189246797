// The KubeDB adapter keeps the contract of ports::cluster over the real wire: the local API server
// in this process, with databases that are played.

#include <gtest/gtest.h>

#include "test/support/cluster_contract.hpp"
#include "test/wire/kubedb_world.hpp"

using kubedb_wire::kubedb_world;

namespace fakes {
INSTANTIATE_TEST_SUITE_P(kubedb, cluster_contract, ::testing::Values([](const aio::executor& on) {
                             return std::make_unique<kubedb_world>(on);
                         }));
}  // namespace fakes

// ---- of this adapter alone ---------------------------------------------------------------

namespace {

aio::task<bool> is_sentinel_halted(kube::client& hand) {
    const kube::resource sentinels{.group = "kubedb.com",
                                   .version = "v1",
                                   .plural = "redissentinels",
                                   .kind = "RedisSentinel"};
    auto there = co_await hand.get(sentinels, "dbaas-shop", "cache-sentinel");
    if (!there) co_return base::pass(std::move(there));
    co_return kube::flag_at(kube::object_or_empty(*there, "spec"), "halted");
}

class kubedb_cluster : public testing::Test {
  protected:
    struct scene {
        kubedb_world& world;
        ports::cluster& port;
        fakes::cluster_watcher& seen;
        // Created, and the record knows its object.
        aio::task<> make(domain::database& wanted) {
            auto uid = co_await port.create(wanted);
            if (!uid) co_return base::pass(std::move(uid));
            wanted.object_uid = *uid;
            co_return base::ok();
        }
    };
    // On a loop of its own, synced.
    void play(std::function<aio::task<>(scene&)> act, kubedb::cluster_options how = {}) {
        auto whole = [](std::function<aio::task<>(scene&)> inner,
                        kubedb::cluster_options with) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            kubedb_world world(on, std::move(with));
            fakes::cluster_watcher seen(on);
            aio::task_group running(on);
            running.spawn(world.port().run(seen));
            scene it{world, world.port(), seen};
            auto played =
                co_await seen.until([&] { return seen.link() == ports::sync_state::synced; });
            if (played) played = co_await it.port.ensure_project({.name = "shop"});
            if (played) played = co_await inner(it);
            running.cancel();
            co_await running.join();
            co_return played;
        };
        const auto played = aio::block_on(
            aio::with_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(30),
                               whole(std::move(act), std::move(how))));
        EXPECT_TRUE(played) << base::name(played.error().code) << ": " << played.error().text;
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

TEST_F(kubedb_cluster, an_object_that_takes_the_place_during_an_update_is_not_touched) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        wanted.labels = {{"tier", "gold"}};
        base::outcome<std::string> before;
        it.world.wire().before_next("patch redises", [&it, wanted, &before]() -> aio::task<> {
            auto taken = co_await it.world.take_away(wanted);
            if (!taken) co_return taken;
            auto gone = co_await it.seen.until([&] { return !it.seen.of(wanted).exists; });
            if (!gone) co_return gone;
            auto put = co_await it.world.put_foreign(record());
            before = co_await it.world.picture_of(wanted);
            co_return put;
        });
        auto updated = co_await it.port.update(wanted);
        EXPECT_FALSE(updated);
        if (!updated) EXPECT_EQ(updated.error().code, base::errc::precondition);
        const auto after = co_await it.world.picture_of(wanted);
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// Its watches have not begun: no kind is known, which is not the same as that there is none.
TEST_F(kubedb_cluster, says_nothing_of_a_cluster_that_was_not_read_yet) {
    play([](scene& it) -> aio::task<> {
        const auto on = co_await aio::this_executor();
        obs::registry registry;
        const auto unread = kubedb::make_cluster(on, it.world.hand(), base::system_clock(),
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

TEST_F(kubedb_cluster, a_project_whose_namespace_was_deleted_is_made_again) {
    play([](scene& it) -> aio::task<> {
        auto held = record();
        held.name = "held";
        auto uid = co_await it.port.create(held);
        if (!uid) co_return base::pass(std::move(uid));
        auto hold = co_await it.world.hold(held);
        if (!hold) co_return hold;
        auto taken = co_await it.world.take_project_away("shop");
        if (!taken) co_return taken;
        const auto refused = co_await it.port.create(record());
        EXPECT_EQ(refused.error().code, base::errc::conflict);
        EXPECT_EQ(refused.error().reason, "deleting");
        const auto waits = co_await it.port.ensure_project({.name = "shop"});
        EXPECT_EQ(waits.error().code, base::errc::unavailable);
        auto let = co_await it.world.let_go(held);
        if (!let) co_return let;
        auto gone = co_await it.seen.until([&] { return !it.seen.of(held).exists; });
        if (!gone) co_return gone;
        base::outcome<void> again;
        do {
            again = co_await it.port.ensure_project({.name = "shop"});
        } while (!again && again.error().reason == "deleting");
        if (!again) co_return again;
        auto made = co_await it.port.create(record());
        EXPECT_TRUE(made);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_namespace_that_is_missing_is_a_passing_trouble) {
    play([](scene& it) -> aio::task<> {
        auto elsewhere = record();
        elsewhere.project = "nowhere";
        const auto created = co_await it.port.create(elsewhere);
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        EXPECT_EQ(created.error().reason, "project_missing");
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_quota_is_a_limit) {
    play([](scene& it) -> aio::task<> {
        // As kube-apiserver's quota admission says it.
        it.world.wire().answer_next(
            "create redises",
            {.code = base::errc::denied,
             .text = "redises.kubedb.com \"cache\" is forbidden: exceeded quota: databases, "
                     "requested: count/redises.kubedb.com=1, used: count/redises.kubedb.com=2, "
                     "limited: count/redises.kubedb.com=2",
             .reason = "Forbidden"});
        const auto created = co_await it.port.create(record());
        EXPECT_EQ(created.error().code, base::errc::limit);
        co_return base::ok();
    });
}

// The platform's account is not the caller's business, and the caller is not the one refused.
TEST_F(kubedb_cluster, a_refusal_to_read_credentials_is_the_platforms_own_trouble) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto ready = co_await it.seen.until(
            [&] { return it.seen.of(wanted).phase == domain::observed_phase::ready; });
        if (!ready) co_return ready;
        const std::string said = "system:serviceaccount:dbaas:dbaas cannot get this";
        std::size_t told = 0;
        for (const auto* call : {"get redises", "get appbindings", "get secrets"}) {
            for (const auto code :
                 {base::errc::denied, base::errc::invalid, base::errc::unsupported}) {
                it.world.wire().answer_next(call,
                                            {.code = code, .text = said, .reason = "Forbidden"});
                const auto login = co_await it.port.read_credentials(wanted);
                EXPECT_EQ(login.error().code, base::errc::unavailable) << call;
                EXPECT_EQ(login.error().reason, "cluster_refused");
                EXPECT_EQ(login.error().text,
                          "the cluster refuses the platform the credentials; its log says why");
                const auto lines = it.world.log().lines_of("credentials_refused");
                EXPECT_EQ(lines.size(), ++told);
                EXPECT_TRUE(lines.back().contains(said)) << lines.back();
            }
        }
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, is_not_gone_while_a_volume_is_left_that_no_watch_has_told_of) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto begun = co_await it.port.remove(wanted);
        EXPECT_FALSE(begun.value());
        auto gone = co_await it.seen.until([&] { return !it.seen.of(wanted).exists; });
        if (!gone) co_return gone;
        auto silent = co_await it.world.silence_watches();
        if (!silent) co_return silent;
        auto put = co_await it.world.put_stray_volume(wanted);
        if (!put) co_return put;
        auto left = co_await it.port.remove(wanted);
        EXPECT_FALSE(left.value());
        auto swept = co_await it.world.sweep(wanted);
        if (!swept) co_return swept;
        left = co_await it.port.remove(wanted);
        EXPECT_TRUE(left.value());
        co_return base::ok();
    });
}

// KubeDB's webhook sets the policy of a halted database to Halt, which keeps everything.
TEST_F(kubedb_cluster, a_paused_database_goes_with_its_volumes) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.paused = true;
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto held = co_await it.world.hold(wanted);
        if (!held) co_return held;
        auto kept = co_await it.world.set_policy(wanted, "Halt");
        if (!kept) co_return kept;
        auto begun = co_await it.port.remove(wanted);
        EXPECT_FALSE(begun.value());
        const auto picture = co_await it.world.picture_of(wanted);
        EXPECT_TRUE(picture->contains(R"("deletionPolicy":"WipeOut")")) << *picture;
        EXPECT_TRUE(picture->contains(R"("halted":false)")) << *picture;
        auto let = co_await it.world.let_go(wanted);
        if (!let) co_return let;
        co_return co_await it.seen.until([&] { return !it.seen.of(wanted).exists; });
    });
}

// A policy or a tool puts its own labels on whatever it manages, and puts them back.
TEST_F(kubedb_cluster, labels_of_others_stay_and_are_no_difference) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.labels = {{"team", "web"}};
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto labelled =
            co_await it.world.set_labels(wanted, {{"cost-center", "7"}, {"tier", "silver"}});
        if (!labelled) co_return labelled;
        wanted.labels = {{"tier", "gold"}};  // one of theirs is the user's from now on
        auto updated = co_await it.port.update(wanted);
        if (!updated) co_return updated;
        auto told =
            co_await it.seen.until([&] { return it.seen.of(wanted).labels == wanted.labels; });
        if (!told) co_return told;
        const auto picture = co_await it.world.picture_of(wanted);
        EXPECT_TRUE(picture->contains(R"("cost-center":"7")")) << *picture;
        EXPECT_FALSE(picture->contains(R"("team")")) << *picture;
        co_return base::ok();
    });
}

// While the Redis is as it was, the reconciler sees that there is something to do.
TEST_F(kubedb_cluster, a_pause_that_fails_at_the_companion_leaves_the_database_to_be_done) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.topology.mode = domain::topology_mode::replicated;
        wanted.topology.data().replicas = 3;
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        for (const bool paused : {true, false}) {
            wanted.paused = paused;
            const auto before = co_await it.world.picture_of(wanted);
            it.world.wire().answer_next("patch redissentinels", {base::errc::unavailable, "down"});
            const auto refused = co_await it.port.update(wanted);
            EXPECT_EQ(refused.error().code, base::errc::unavailable);
            const auto after = co_await it.world.picture_of(wanted);
            EXPECT_EQ(before.value(), after.value());
            auto updated = co_await it.port.update(wanted);
            if (!updated) co_return updated;
            auto told = co_await it.seen.until([&] { return it.seen.of(wanted).paused == paused; });
            if (!told) co_return told;
            const auto halted = co_await is_sentinel_halted(it.world.hand());
            EXPECT_EQ(halted.value(), paused);
        }
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, a_pause_that_the_database_is_refused_leaves_its_companion_as_it_was) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.topology.mode = domain::topology_mode::replicated;
        wanted.topology.data().replicas = 3;
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        wanted.paused = true;
        it.world.wire().answer_next("patch redises", {base::errc::denied, "forbidden"});
        const auto refused = co_await it.port.update(wanted);
        EXPECT_EQ(refused.error().code, base::errc::denied);
        const auto halted = co_await is_sentinel_halted(it.world.hand());
        EXPECT_FALSE(halted.value());
        co_return base::ok();
    });
}

base::failure not_served() {
    return {base::errc::unavailable, "404 page not found", "not_served"};
}

// A proxy that answers for the server, or a server that has not read its definitions yet.
TEST_F(kubedb_cluster, a_bare_404_says_nothing_of_databases) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        it.world.wire().answer_next("create redises", not_served());
        const auto refused = co_await it.port.create(wanted);
        EXPECT_EQ(refused.error().code, base::errc::unavailable);
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto told = co_await it.seen.until([&] { return it.seen.of(wanted).exists; });
        if (!told) co_return told;
        it.world.wire().answer_next("get redises", not_served());
        const auto updated = co_await it.port.update(wanted);
        EXPECT_EQ(updated.error().code, base::errc::unavailable);
        it.world.wire().answer_next("get redises", not_served());
        const auto removed = co_await it.port.remove(wanted);
        EXPECT_EQ(removed.error().code, base::errc::unavailable);
        // The watch ends by it, and is taken up again.
        it.world.wire().answer_next("watch redises", not_served());
        auto cut = co_await it.world.cut_watches();
        if (!cut) co_return cut;
        auto lost = co_await it.seen.until(
            [&] { return it.seen.link() == ports::sync_state::disconnected; });
        if (!lost) co_return lost;
        EXPECT_TRUE(it.seen.of(wanted).exists);
        auto found =
            co_await it.seen.until([&] { return it.seen.link() == ports::sync_state::synced; });
        if (!found) co_return found;
        EXPECT_TRUE(it.seen.of(wanted).exists);
        wanted.labels = {{"tier", "gold"}};
        auto tagged = co_await it.port.update(wanted);
        if (!tagged) co_return tagged;
        co_return co_await it.seen.until(
            [&] { return it.seen.of(wanted).labels == wanted.labels; });
    });
}

TEST_F(kubedb_cluster, a_kind_that_moved_to_another_version_is_watched_there) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto ready = co_await it.seen.until(
            [&] { return it.seen.of(wanted).phase == domain::observed_phase::ready; });
        if (!ready) co_return ready;
        auto moved = co_await it.world.take_version_away("redis");
        if (moved) moved = co_await it.world.cut_watches();
        if (!moved) co_return moved;
        auto lost = co_await it.seen.until(
            [&] { return it.seen.link() == ports::sync_state::disconnected; });
        if (!lost) co_return lost;
        co_return co_await it.seen.until([&] {
            EXPECT_TRUE(it.seen.of(wanted).exists);
            return it.seen.link() == ports::sync_state::synced;
        });
    });
}

TEST_F(kubedb_cluster, a_kind_that_was_taken_away_takes_its_databases_but_not_their_records) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto told = co_await it.seen.until([&] { return it.seen.of(wanted).exists; });
        if (!told) co_return told;
        // Nobody tells that the objects went.
        auto silent = co_await it.world.silence_watches();
        if (!silent) co_return silent;
        auto taken = co_await it.world.take_kind_away("redis");
        if (!taken) co_return taken;
        auto cut = co_await it.world.cut_watches();
        if (!cut) co_return cut;
        auto gone = co_await it.seen.until([&] { return !it.seen.of(wanted).exists; });
        if (!gone) co_return gone;
        // It may come back.
        const auto removed = co_await it.port.remove(wanted);
        EXPECT_EQ(removed.error().code, base::errc::unavailable);
        const auto created = co_await it.port.create(wanted);
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        co_return base::ok();
    });
}

TEST_F(kubedb_cluster, what_a_kind_that_is_not_installed_has_left_is_looked_for) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.engine = "memcached";
        auto taken = co_await it.world.take_kind_away("memcached");
        if (!taken) co_return taken;
        const auto on = co_await aio::this_executor();
        obs::registry registry;
        const auto later = kubedb::make_cluster(on, it.world.hand(), base::system_clock(),
                                                obs::null_log(), registry);
        fakes::cluster_watcher seen(on);
        aio::task_group running(on);
        running.spawn(later->run(seen));
        auto read = co_await seen.until([&] { return seen.link() == ports::sync_state::synced; });
        auto put = co_await it.world.put_stray_volume(wanted);
        const auto left = co_await later->remove(wanted);
        EXPECT_FALSE(left.value());
        auto swept = co_await it.world.sweep(wanted);
        const auto clean = co_await later->remove(wanted);
        EXPECT_TRUE(clean.value());
        const auto created = co_await later->create(wanted);
        EXPECT_EQ(created.error().reason, "engine_not_installed");
        running.cancel();
        co_await running.join();
        co_return read&& put ? swept : base::fail(base::errc::internal, "not prepared");
    });
}

TEST_F(kubedb_cluster, finished_requests_of_ours_do_not_stay_for_ever) {
    play(
        [](scene& it) -> aio::task<> {
            auto wanted = record();
            auto made = co_await it.make(wanted);
            if (!made) co_return made;
            auto ready = co_await it.seen.until(
                [&] { return it.seen.of(wanted).phase == domain::observed_phase::ready; });
            if (!ready) co_return ready;
            auto asked = co_await it.world.ask_by_hand(wanted);
            if (!asked) co_return asked;
            auto over = co_await it.seen.until([&] {
                const auto& changes = it.seen.of(wanted).changes;
                return changes.size() == 1 && changes[0].is_terminal();
            });
            if (!over) co_return over;
            wanted.topology.data().size.memory_bytes *= 2;
            auto requested = co_await it.port.request_change(
                wanted, domain::change_kind::vertical_scaling, "op-1");
            if (!requested) co_return requested;
            std::size_t left = 0;
            do {
                const auto count = co_await it.world.changes_of(wanted);
                left = count.value_or(0);
            } while (left > 1);
            EXPECT_EQ(left, 1U) << "of somebody's own";
            co_return co_await it.seen.until([&] {
                return it.seen.of(wanted).topology == wanted.topology &&
                       it.seen.of(wanted).changes.size() == 1;
            });
        },
        {.requests_kept = std::chrono::hours(0), .sweep = std::chrono::milliseconds(20)});
}

TEST_F(kubedb_cluster, reports_the_port_of_the_exporter) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto made = co_await it.make(wanted);
        if (!made) co_return made;
        auto told = co_await it.seen.until([&] { return it.seen.of(wanted).has_metrics(); });
        if (!told) co_return told;
        EXPECT_EQ(it.seen.of(wanted).metrics_port, 56790);
        auto begun = co_await it.port.remove(wanted);
        EXPECT_FALSE(begun.value());
        auto gone = co_await it.seen.until([&] {
            const auto& state = it.seen.of(wanted);
            return !state.exists && !state.has_metrics();
        });
        co_return gone;
    });
}

}  // namespace
