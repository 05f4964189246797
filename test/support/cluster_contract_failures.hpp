#pragma once
// The second half of the contract suite of ports::cluster: removal, credentials, what vanishes, and
// trouble of every kind. Part of cluster_contract.hpp, which includes it.

#include "test/support/cluster_stage.hpp"

namespace fakes {

// ---- removal -----------------------------------------------------------------------------

TEST_P(cluster_contract, removes_until_nothing_is_left) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto asked = co_await it.port.request_change(grown(*made),
                                                     domain::change_kind::vertical_scaling, "op-1");
        if (!asked) co_return asked;
        auto begun = co_await it.port.remove(*made);
        EXPECT_FALSE(begun.value()) << "nobody can know yet that nothing is left";
        auto gone = co_await it.remove_all(*made);
        if (!gone) co_return gone;
        const auto picture = co_await it.world.picture_of(*made);
        EXPECT_EQ(picture.value(), "");
        const auto changes = co_await it.world.changes_of(*made);
        EXPECT_EQ(changes.value(), 0U);
        auto told = co_await it.seen.until([&] {
            const auto& state = it.seen.of(*made);
            return !state.exists && !state.has_leftovers && state.changes.empty();
        });
        if (!told) co_return told;
        auto again = co_await it.port.remove(*made);
        EXPECT_TRUE(again.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, removing_what_never_was_is_done) {
    play([](scene& it) -> aio::task<> {
        auto gone = co_await it.port.remove(record());
        EXPECT_TRUE(gone.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, removes_only_the_object_of_the_records_uid) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto put = co_await it.world.put_foreign(record());
        if (!put) co_return put;
        const auto before = co_await it.world.picture_of(record());
        auto wanted = record();
        wanted.object_uid = "ffffffff-0000-4000-8000-000000000000";
        auto refused = co_await it.port.remove(wanted);
        failed(refused, base::errc::precondition);
        const auto after = co_await it.world.picture_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

// The answer to its creation was lost: the record does not know the uid.
TEST_P(cluster_contract, removes_by_the_records_id_when_the_uid_is_not_known) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        made->object_uid.clear();
        auto gone = co_await it.remove_all(*made);
        if (!gone) co_return gone;
        const auto picture = co_await it.world.picture_of(*made);
        EXPECT_EQ(picture.value(), "");
        co_return base::ok();
    });
}

// Its creation was refused because of a namesake: nothing of it was ever there.
TEST_P(cluster_contract, a_record_without_an_object_is_gone_beside_a_foreign_namesake) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto put = co_await it.world.put_foreign(record());
        if (!put) co_return put;
        const auto before = co_await it.world.picture_of(record());
        auto gone = co_await it.port.remove(record());
        EXPECT_TRUE(gone.value());
        const auto after = co_await it.world.picture_of(record());
        EXPECT_EQ(before.value(), after.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, is_not_gone_while_its_object_is_going) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto held = co_await it.world.hold(*made);
        if (!held) co_return held;
        for (int turn = 0; turn < 2; ++turn) {
            auto gone = co_await it.port.remove(*made);
            EXPECT_FALSE(gone.value());
            auto told = co_await it.seen.until([&] { return it.seen.of(*made).deleting; });
            if (!told) co_return told;
        }
        auto let = co_await it.world.let_go(*made);
        if (!let) co_return let;
        co_return co_await it.remove_all(*made);
    });
}

TEST_P(cluster_contract, is_not_gone_while_a_volume_is_left) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto put = co_await it.world.put_stray_volume(*made);
        if (!put) co_return put;
        auto begun = co_await it.port.remove(*made);
        EXPECT_FALSE(begun.value());
        auto worked = co_await it.world.work(*made);
        if (!worked) co_return worked;
        auto told = co_await it.seen.until([&] {
            const auto& state = it.seen.of(*made);
            return !state.exists && state.has_leftovers;
        });
        if (!told) co_return told;
        auto gone = co_await it.port.remove(*made);
        EXPECT_FALSE(gone.value());
        auto swept = co_await it.world.sweep(*made);
        if (!swept) co_return swept;
        auto clean = co_await it.seen.until([&] { return !it.seen.of(*made).has_leftovers; });
        if (!clean) co_return clean;
        gone = co_await it.port.remove(*made);
        EXPECT_TRUE(gone.value());
        co_return base::ok();
    });
}

TEST_P(cluster_contract, what_vanishes_is_told_and_may_be_created_again) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto taken = co_await it.world.take_away(*made);
        if (!taken) co_return taken;
        auto told = co_await it.seen.until([&] { return !it.seen.of(*made).exists; });
        if (!told) co_return told;
        auto updated = co_await it.port.update(*made);
        failed(updated, base::errc::not_found);
        auto next = co_await it.bring_up(record());
        if (!next) co_return base::pass(std::move(next));
        EXPECT_NE(next->object_uid, made->object_uid);
        co_return base::ok();
    });
}

// ---- credentials -------------------------------------------------------------------------

TEST_P(cluster_contract, reads_credentials_live) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        for (const auto* password : {"first/secret", "second"}) {
            auto set = co_await it.world.set_password(*made, password);
            if (!set) co_return set;
            auto login = co_await it.port.read_credentials(*made);
            if (!login) co_return base::pass(std::move(login));
            EXPECT_EQ(login->password.reveal(), password);
            EXPECT_FALSE(login->username.empty());
            EXPECT_FALSE(login->host.empty());
            EXPECT_GT(login->port, 0);
            EXPECT_FALSE(login->uri.empty());
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, says_that_there_are_no_credentials_yet) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto login = co_await it.port.read_credentials(record());
        failed(login, base::errc::conflict, "credentials_not_ready");
        co_return base::ok();
    });
}

TEST_P(cluster_contract, does_not_hand_out_the_credentials_of_a_foreign_namesake) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        auto put = co_await it.world.put_foreign(record());
        if (!put) co_return put;
        auto worked = co_await it.world.work(record());
        if (!worked) co_return worked;
        auto ready = co_await it.seen.until(
            [&] { return it.seen.of(record()).phase == domain::observed_phase::ready; });
        if (!ready) co_return ready;
        for (const auto* uid : {"", "ffffffff-0000-4000-8000-000000000000"}) {
            auto wanted = record();
            wanted.object_uid = uid;
            auto login = co_await it.port.read_credentials(wanted);
            failed(login, base::errc::conflict, "credentials_not_ready");
        }
        co_return base::ok();
    });
}

// ---- trouble -----------------------------------------------------------------------------

TEST_P(cluster_contract, ensures_a_project_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        for (const auto what : all_trouble) {
            const domain::project home{.name = "p" + std::to_string(static_cast<int>(what))};
            auto set = co_await it.world.make_trouble("ensure_project", what);
            if (!set) co_return set;
            auto ensured = co_await it.call_in(what, it.port.ensure_project(home));
            expect_trouble(ensured, what);
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            auto again = co_await it.port.ensure_project(home);
            if (!again) co_return again;
            auto wanted = record("db-" + home.name);
            wanted.project = home.name;
            wanted.name = "in-" + home.name;
            auto made = co_await it.port.create(wanted);
            EXPECT_TRUE(made);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, creates_one_object_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        auto ensured = co_await it.port.ensure_project({.name = "shop"});
        if (!ensured) co_return ensured;
        for (const auto what : all_trouble) {
            auto wanted = record("db-" + std::to_string(static_cast<int>(what)));
            wanted.name = "cache" + std::to_string(static_cast<int>(what));
            auto set = co_await it.world.make_trouble("create", what);
            if (!set) co_return set;
            auto made = co_await it.call_in(what, it.port.create(wanted));
            expect_trouble(made, what);
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            const auto picture = co_await it.world.picture_of(wanted);
            EXPECT_EQ(picture->empty(), what == trouble::down || what == trouble::denied);
            auto again = co_await it.bring_up(wanted);
            if (!again) co_return base::pass(std::move(again));
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, updates_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        for (const auto what : all_trouble) {
            made->labels = {{"turn", std::to_string(static_cast<int>(what))}};
            auto set = co_await it.world.make_trouble("update", what);
            if (!set) co_return set;
            auto updated = co_await it.call_in(what, it.port.update(*made));
            expect_trouble(updated, what);
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            auto again = co_await it.port.update(*made);
            if (!again) co_return again;
            auto told =
                co_await it.seen.until([&] { return it.seen.of(*made).labels == made->labels; });
            if (!told) co_return told;
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, asks_for_one_change_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        std::size_t asked = 0;
        for (const auto what : all_trouble) {
            made->topology.data().size.cpu_millis += 100;
            const auto operation = "op-" + std::to_string(static_cast<int>(what));
            const auto kind = domain::change_kind::vertical_scaling;
            auto set = co_await it.world.make_trouble("request_change", what);
            if (!set) co_return set;
            auto first = co_await it.call_in(what, it.port.request_change(*made, kind, operation));
            expect_trouble(first, what);
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            auto again = co_await it.port.request_change(*made, kind, operation);
            if (!again) co_return again;
            const auto count = co_await it.world.changes_of(*made);
            EXPECT_EQ(count.value(), ++asked);
            auto worked = co_await it.world.work(*made);
            if (!worked) co_return worked;
            auto told = co_await it.seen.until(
                [&] { return it.seen.of(*made).topology == made->topology; });
            if (!told) co_return told;
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, removes_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        for (const auto what : all_trouble) {
            auto made = co_await it.bring_up(record());
            if (!made) co_return base::pass(std::move(made));
            auto set = co_await it.world.make_trouble("remove", what);
            if (!set) co_return set;
            auto gone = co_await it.call_in(what, it.port.remove(*made));
            expect_trouble(gone, what);
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            auto again = co_await it.remove_all(*made);
            if (!again) co_return again;
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, reads_credentials_after_every_trouble) {
    play([](scene& it) -> aio::task<> {
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        for (const auto what : all_trouble) {
            auto set = co_await it.world.make_trouble("read_credentials", what);
            if (!set) co_return set;
            auto login = co_await it.call_in(what, it.port.read_credentials(*made));
            if (what == trouble::denied) {  // to the platform, not to the one who asks it
                failed(login, base::errc::unavailable, "cluster_refused");
            } else {
                expect_trouble(login, what);
            }
            auto calm = co_await it.world.calm();
            if (!calm) co_return calm;
            auto again = co_await it.port.read_credentials(*made);
            EXPECT_TRUE(again);
        }
        co_return base::ok();
    });
}

TEST_P(cluster_contract, tells_that_the_link_is_cut_and_afterwards_what_was_missed) {
    play([](scene& it) -> aio::task<> {
        EXPECT_EQ(it.port.state(), ports::sync_state::synced);
        auto made = co_await it.bring_up(record());
        if (!made) co_return base::pass(std::move(made));
        auto other = record("db-2");
        other.name = "queue";
        auto cut = co_await it.world.cut_link();
        if (!cut) co_return cut;
        auto told = co_await it.seen.until(
            [&] { return it.seen.link() == ports::sync_state::disconnected; });
        if (!told) co_return base::pass(std::move(told), "be disconnected");
        EXPECT_EQ(it.port.state(), ports::sync_state::disconnected);
        auto taken = co_await it.world.take_away(*made);
        if (!taken) co_return taken;
        auto put = co_await it.world.put_foreign(other);
        if (!put) co_return put;
        auto mended = co_await it.world.mend_link();
        if (!mended) co_return mended;
        auto synced =
            co_await it.seen.until([&] { return it.seen.link() == ports::sync_state::synced; });
        if (!synced) co_return base::pass(std::move(synced), "be synced again");
        EXPECT_EQ(it.port.state(), ports::sync_state::synced);
        co_return co_await it.seen.until(
            [&] { return !it.seen.of(*made).exists && it.seen.of(other).exists; });
    });
}

}  // namespace fakes
