// The Kubernetes client, the informer and the KubeDB adapter against the local API server's wire.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aio/block_on.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "kube/discovery.hpp"
#include "kube/informer.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/dependent_object.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/observe.hpp"
#include "test/wire/cutting_client.hpp"
#include "test/wire/every_manifest.hpp"

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class wire : public testing::Test {
  protected:
    wire() : server_(std::move(*apiserver::start({.token = "t0k3n"}))) {}

    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(kube::client&)> use,
                         std::string token = "t0k3n") {
        auto work = [](std::uint16_t port, std::string secret,
                       std::function<aio::task<T>(kube::client&)> act) -> aio::task<T> {
            const auto on = co_await aio::this_executor();
            auto made =
                kube::make_client(on, {.config = {.server = {.host = "127.0.0.1", .port = port},
                                                  .token = base::secret(std::move(secret))},
                                       .retries_max = 0});
            if (!made) co_return base::pass(std::move(made));
            co_return co_await act(**made);
        };
        return aio::block_on(work(server_->port(), std::move(token), std::move(use)));
    }

    const kube::resource namespaces_{
        .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
    const kube::resource redises_{
        .group = "kubedb.com", .version = "v1", .plural = "redises", .kind = "Redis"};
    std::unique_ptr<apiserver::api_server> server_;
};

TEST_F(wire, typed_failures_come_back) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        auto missing = co_await client.get(redises_, "t", "none");
        EXPECT_EQ(missing.error().code, base::errc::not_found);
        auto unserved = co_await client.get(
            {.group = "kubedb.com", .version = "v9", .plural = "redises"}, "t", "none");
        EXPECT_EQ(unserved.error().reason, "not_served");
        auto home = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(home);
        auto twice = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_EQ(twice.error().reason, "AlreadyExists");
        auto strict = co_await client.create(
            redises_, "t",
            {{"metadata", {{"name", "r"}}}, {"spec", {{"version", "7"}, {"nope", 1}}}});
        EXPECT_EQ(strict.error().code, base::errc::invalid);
        co_return base::ok();
    });
    EXPECT_TRUE(got);
    const auto stranger = run<json::object>(
        [this](kube::client& client) { return client.get(redises_, "t", "none"); }, "wrong");
    EXPECT_EQ(stranger.error().code, base::errc::unavailable);
    EXPECT_EQ(stranger.error().reason, "Unauthorized");
}

TEST_F(wire, discovery_finds_the_kinds) {
    const auto found = run<std::vector<kube::resource>>([](kube::client& client) {
        return kube::discover(client, {"kubedb.com", "not.installed", ""});
    });
    ASSERT_TRUE(found) << found.error().text;
    EXPECT_TRUE(
        std::ranges::any_of(*found, [](const auto& each) { return each.kind == "Postgres"; }));
    EXPECT_TRUE(
        std::ranges::any_of(*found, [](const auto& each) { return each.kind == "Secret"; }));
}

// Every manifest of every engine and topology is accepted with strict validation, and read back as
// what was asked for.
aio::task<> write_and_read_back(kube::client& client, const tests::written_database& database) {
    const auto& [kind, record] = database;
    const auto told = fmt::format("{} {}", kind->engine, domain::name(record.topology.mode));
    const auto whole = tests::object_of(database);
    auto made = co_await client.create(whole.what, "dbaas-t", whole.content);
    EXPECT_TRUE(made) << told << ' ' << (made ? "" : made.error().text);
    if (!made) co_return base::pass(std::move(made));
    const auto seen = kubedb::observe_database(*kind, *made);
    auto shape = record.topology;  // sentinels are an object of their own
    std::erase_if(shape.groups, [](const auto& group) { return group.role == "sentinel"; });
    EXPECT_EQ(seen.topology, shape) << told;
    EXPECT_EQ(seen.labels, record.labels) << told;
    EXPECT_EQ(seen.owner_database_id, "db-1") << told;
    for (const auto& companion : tests::companions_of(database)) {
        auto beside = co_await client.create(companion.what, "dbaas-t", companion.content);
        EXPECT_TRUE(beside) << told << ' ' << (beside ? "" : beside.error().text);
    }
    auto patched = co_await client.patch(
        whole.what, "dbaas-t", record.name, kube::patch_type::merge,
        kubedb::update_patch(*kind, {.id = "db-1", .project = "t"}, seen.labels));
    EXPECT_TRUE(patched && kubedb::observe_database(*kind, *patched).labels.empty()) << told;
    co_return base::ok();
}

aio::task<> write_changes(kube::client& client, const tests::written_database& database) {
    for (const auto change : tests::every_change) {
        for (const auto& request : tests::change_of(database, change)) {
            auto asked = co_await client.create(request.what, "dbaas-t", request.content);
            const auto told = fmt::format("{} {}", database.kind->engine, domain::name(change));
            EXPECT_TRUE(asked) << told << ' ' << (asked ? "" : asked.error().text);
            EXPECT_TRUE(asked && kubedb::observe_change(*asked).kind == change) << told;
        }
    }
    co_return base::ok();
}

TEST_F(wire, manifests_are_accepted_and_read_back) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        auto home =
            co_await client.create(namespaces_, {}, kubedb::namespace_manifest({.name = "t"}));
        EXPECT_TRUE(home);
        const auto all = tests::every_database();
        EXPECT_GE(all.size(), 28U);
        for (const auto& database : all) {
            auto written = co_await write_and_read_back(client, database);
            if (written) written = co_await write_changes(client, database);
        }
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

// A replicated Redis and its sentinel: made once, kept in step, never taken from somebody else,
// gone with the database.
TEST_F(wire, a_companion_is_touched_only_while_it_is_ours) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto& kind = *kubedb::find_kind("redis");
        const kube::resource what{.group = "kubedb.com",
                                  .version = "v1",
                                  .plural = "redissentinels",
                                  .kind = "RedisSentinel"};
        domain::database ours{
            .id = "db-1",
            .project = "t",
            .name = "cache",
            .engine = "redis",
            .version = "7",
            .topology = {.mode = domain::topology_mode::replicated, .groups = {{.replicas = 3}}}};
        auto theirs = ours;
        theirs.id = "db-2";
        const auto code = [](const auto& result) {
            return result ? std::string("done") : result.error().reason;
        };
        auto home =
            co_await client.create(namespaces_, {}, kubedb::namespace_manifest({.name = "t"}));
        EXPECT_TRUE(home);
        for (const auto* turn : {"first", "again"}) {
            auto made = co_await kubedb::ensure_companion(client, what, kind, ours);
            EXPECT_EQ(code(made), "done") << turn;
        }
        auto foreign = co_await kubedb::ensure_companion(client, what, kind, theirs);
        EXPECT_EQ(code(foreign), "not_owned");
        foreign = co_await kubedb::update_companion(client, what, kind, theirs);
        EXPECT_EQ(code(foreign), "not_owned");
        ours.paused = true;
        auto updated = co_await kubedb::update_companion(client, what, kind, ours);
        EXPECT_EQ(code(updated), "done");
        auto there = co_await client.get(what, "dbaas-t", "cache-sentinel");
        EXPECT_TRUE(there && there->at("spec").at("halted").as_bool());
        auto left = co_await kubedb::remove_companion(client, what, kind, theirs);
        EXPECT_TRUE(left && *left) << "nothing of theirs is there";
        auto gone = co_await kubedb::remove_companion(client, what, kind, ours);
        EXPECT_TRUE(gone && !*gone) << "asked for, to be looked at again";
        gone = co_await kubedb::remove_companion(client, what, kind, ours);
        EXPECT_TRUE(gone && *gone);
        updated = co_await kubedb::update_companion(client, what, kind, ours);
        EXPECT_EQ(code(updated), "done") << "one that is missing is made";
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

class counting final : public kube::informer_listener {
  public:
    std::map<std::string, int> upserts;
    int deletes = 0;
    bool synced = false;
    aio::notification* news = nullptr;
    void on_upsert(const kube::object_meta& meta, std::string_view) override {
        ++upserts[meta.name];
        news->notify();
    }
    void on_delete(const kube::object_meta& meta) override {
        upserts.erase(meta.name);
        ++deletes;
        news->notify();
    }
    void on_synced() override {
        synced = true;
        news->notify();
    }
    void on_sync_state(bool, const std::string&) override {}
};

// A path that is not served for now says nothing of its objects; when the kind has really gone,
// they have.
TEST_F(wire, an_informer_goes_on_after_its_kind_was_not_served) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto on = co_await aio::this_executor();
        cutting_client cut(on, client);
        aio::notification news(on);
        counting seen;
        seen.news = &news;
        auto home = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(home);
        const auto informer =
            kube::make_informer(cut, {.what = namespaces_}, seen, base::system_clock());
        for (const bool was_synced : {false, true}) {
            cut.answer_next("watch namespaces",
                            {base::errc::unavailable, "404 page not found", "not_served"});
            auto ended = co_await informer->run();
            EXPECT_EQ(ended.error().reason, "not_served");
            EXPECT_TRUE(seen.upserts.contains("t"));
            EXPECT_EQ(seen.deletes, 0);
            EXPECT_TRUE(seen.synced || !was_synced);
        }
        auto made = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "u"}}}});
        EXPECT_TRUE(made);
        aio::task_group watching(on);
        watching.spawn(informer->run());
        while (!seen.upserts.contains("u")) co_await news.wait();
        watching.cancel();
        co_await watching.join();
        EXPECT_EQ(informer->counters().lists, 1U) << "it went on where it was";
        const auto known = seen.upserts.size();
        informer->forget();
        EXPECT_TRUE(seen.upserts.empty());
        EXPECT_EQ(static_cast<std::size_t>(seen.deletes), known);
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

TEST_F(wire, an_informer_follows_changes_without_another_list) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto on = co_await aio::this_executor();
        aio::notification news(on);
        counting seen;
        seen.news = &news;
        const kube::resource secrets{.version = "v1", .plural = "secrets", .kind = "Secret"};
        auto home = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(home);
        for (const auto* name : {"a", "b"}) {
            auto made = co_await client.create(secrets, "t", {{"metadata", {{"name", name}}}});
            EXPECT_TRUE(made);
        }
        auto informer = kube::make_informer(client, {.what = secrets, .page_size = 1}, seen,
                                            base::system_clock());
        aio::task_group watching(on);
        watching.spawn(informer->run());
        while (!seen.synced) co_await news.wait();
        EXPECT_EQ(seen.upserts.size(), 2U);
        auto made = co_await client.create(secrets, "t", {{"metadata", {{"name", "c"}}}});
        EXPECT_TRUE(made);
        while (!seen.upserts.contains("c")) co_await news.wait();
        auto gone = co_await client.remove(secrets, "t", "a");
        EXPECT_TRUE(gone);
        while (seen.deletes == 0) co_await news.wait();
        EXPECT_EQ(informer->counters().lists, 2U);  // two pages of the one list
        EXPECT_EQ(informer->counters().watches, 1U);
        watching.cancel();
        co_await watching.join();
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

}  // namespace
