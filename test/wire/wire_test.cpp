// Tests of the Kubernetes client, the informer and the KubeDB adapter over HTTP against the local
// API server.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "aio/block_on.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "json/json.hpp"
#include "kube/api_status.hpp"
#include "kube/discovery.hpp"
#include "kube/informer.hpp"
#include "kube/kube_client.hpp"
#include "kube/status_reason.hpp"
#include "kubedb/dependent_object.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/observe.hpp"
#include "test/wire/every_manifest.hpp"
#include "test/wire/faulty_client.hpp"

namespace {

using namespace std::chrono_literals;

class api_server_wire : public testing::Test {
  protected:
    api_server_wire() : server_(std::move(*apiserver::start({.token = "t0k3n"}))) {}

    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(kube::client&)> use,
                         std::string token = "t0k3n") {
        auto work = [](std::uint16_t port, std::string secret,
                       std::function<aio::task<T>(kube::client&)> act) -> aio::task<T> {
            const auto executor = co_await aio::this_executor();
            auto created = kube::make_client(
                executor, {.config = {.server = {.host = "127.0.0.1", .port = port},
                                      .token = base::secret(std::move(secret))},
                           .retries_max = 0});
            if (!created) co_return base::pass(std::move(created));
            co_return co_await act(**created);
        };
        return aio::block_on(work(server_->port(), std::move(token), std::move(use)));
    }

    const kube::resource namespaces_{
        .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
    const kube::resource redises_{
        .group = "kubedb.com", .version = "v1", .plural = "redises", .kind = "Redis"};
    std::unique_ptr<apiserver::api_server> server_;
};

TEST_F(api_server_wire, calls_return_typed_errors) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        auto missing = co_await client.get(redises_, "t", "none");
        EXPECT_EQ(missing.error().code, base::errc::not_found);
        auto unserved = co_await client.get(
            {.group = "kubedb.com", .version = "v9", .plural = "redises"}, "t", "none");
        EXPECT_EQ(unserved.error().cause, kube::status_reason::not_served);
        auto project = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(project);
        auto twice = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_EQ(twice.error().reason, "AlreadyExists");
        auto strict = co_await client.create(
            redises_, "t",
            {{"metadata", {{"name", "r"}}}, {"spec", {{"version", "7"}, {"nope", 1}}}});
        EXPECT_EQ(strict.error().code, base::errc::invalid);
        co_return base::ok();
    });
    EXPECT_TRUE(result);
    const auto stranger = run<json::object>(
        [this](kube::client& client) { return client.get(redises_, "t", "none"); }, "wrong");
    EXPECT_EQ(stranger.error().code, base::errc::unavailable);
    EXPECT_EQ(stranger.error().reason, "Unauthorized");
}

TEST_F(api_server_wire, discovery_returns_the_kinds) {
    const auto kinds = run<std::vector<kube::resource>>([](kube::client& client) {
        return kube::discover(client, {"kubedb.com", "not.installed", ""});
    });
    ASSERT_TRUE(kinds) << kinds.error().text;
    EXPECT_TRUE(
        std::ranges::any_of(*kinds, [](const auto& kind) { return kind.kind == "Postgres"; }));
    EXPECT_TRUE(
        std::ranges::any_of(*kinds, [](const auto& kind) { return kind.kind == "Secret"; }));
}

// Creates the object of a database with strict validation and reads it back. Expects the state that
// the record asks for.
aio::task<> write_and_read_back(kube::client& client, const tests::written_database& database) {
    const auto& [dialect, record] = database;
    const auto label =
        fmt::format("{} {}", dialect->kind().engine, domain::name(record.topology.mode));
    const auto whole = tests::object_of(database);
    auto created = co_await client.create(whole.resource, "dbaas-t", whole.content);
    EXPECT_TRUE(created) << label << ' ' << (created ? "" : created.error().text);
    if (!created) co_return base::pass(std::move(created));
    const auto seen = kubedb::observe_database(*dialect, *created);
    auto shape = record.topology;  // sentinels are a separate object
    std::erase_if(shape.groups, [](const auto& group) { return group.role == "sentinel"; });
    EXPECT_EQ(seen.topology, shape) << label;
    EXPECT_EQ(seen.labels, record.labels) << label;
    EXPECT_EQ(seen.owner_database_id, "db-1") << label;
    for (const auto& dependent : tests::dependent_objects_of(database)) {
        auto sentinel = co_await client.create(dependent.resource, "dbaas-t", dependent.content);
        EXPECT_TRUE(sentinel) << label << ' ' << (sentinel ? "" : sentinel.error().text);
    }
    auto patched = co_await client.patch(
        whole.resource, "dbaas-t", record.name, kube::patch_type::merge,
        kubedb::update_patch(dialect->kind(), {.id = "db-1", .project = "t"}, seen.labels));
    EXPECT_TRUE(patched && kubedb::observe_database(*dialect, *patched).labels.empty()) << label;
    co_return base::ok();
}

aio::task<> write_changes(kube::client& client, const tests::written_database& database) {
    for (const auto change : tests::every_change) {
        for (const auto& request : tests::change_requests_of(database, change)) {
            auto created = co_await client.create(request.resource, "dbaas-t", request.content);
            const auto label =
                fmt::format("{} {}", database.dialect->kind().engine, domain::name(change));
            EXPECT_TRUE(created) << label << ' ' << (created ? "" : created.error().text);
            EXPECT_TRUE(created && kubedb::observe_change(*created).kind == change) << label;
        }
    }
    co_return base::ok();
}

TEST_F(api_server_wire, every_manifest_is_accepted_and_reads_back_unchanged) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        auto project =
            co_await client.create(namespaces_, {}, kubedb::namespace_manifest({.name = "t"}));
        EXPECT_TRUE(project);
        const auto all = tests::every_database();
        EXPECT_GE(all.size(), 28U);
        for (const auto& database : all) {
            auto written = co_await write_and_read_back(client, database);
            if (written) written = co_await write_changes(client, database);
        }
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

// Returns the groups that the OpsRequests of `change` name, one text for each request.
std::set<std::string> groups_of_requests(const tests::written_database& database,
                                         domain::change_kind change, const char* field) {
    std::set<std::string> all;
    for (const auto& request : tests::change_requests_of(database, change)) {
        std::string groups;
        for (const auto& [key, value] : request.content.at("spec").at(field).as_object()) {
            if (key == "mode") continue;
            groups += (groups.empty() ? "" : "+") + std::string(key);
        }
        all.insert(groups);
    }
    return all;
}

TEST(every_manifest, has_requests_for_each_group_of_a_sharded_mongodb) {
    using enum domain::change_kind;
    const auto all = tests::every_database();
    const auto database = std::ranges::find_if(all, [](const tests::written_database& other) {
        return other.record.engine == "mongodb" && other.record.topology.groups.size() == 3;
    });
    ASSERT_NE(database, all.end());
    using texts = std::set<std::string>;
    const texts groups{"shard", "configServer", "mongos", "shard+configServer+mongos"};
    EXPECT_EQ(groups_of_requests(*database, vertical_scaling, "verticalScaling"), groups);
    EXPECT_EQ(groups_of_requests(*database, horizontal_scaling, "horizontalScaling"), groups);
    EXPECT_EQ(groups_of_requests(*database, volume_expansion, "volumeExpansion"),
              (texts{"shard", "configServer", "shard+configServer"}));
    EXPECT_EQ(groups_of_requests(*database, restart, "restart"), texts{""});
}

// The sentinel of a replicated Redis is created once, updated and deleted with the database. The
// adapter does not touch the sentinel of another record.
TEST_F(api_server_wire, a_dependent_object_of_another_record_is_left_unchanged) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto& dialect = *kubedb::find_dialect("redis");
        const kube::resource sentinels{.group = "kubedb.com",
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
        auto project =
            co_await client.create(namespaces_, {}, kubedb::namespace_manifest({.name = "t"}));
        EXPECT_TRUE(project);
        for (const auto* attempt : {"first", "again"}) {
            auto ensured =
                co_await kubedb::ensure_dependent_object(client, sentinels, dialect, ours);
            EXPECT_EQ(code(ensured), "done") << attempt;
        }
        auto foreign = co_await kubedb::ensure_dependent_object(client, sentinels, dialect, theirs);
        EXPECT_EQ(code(foreign), "not_owned");
        foreign = co_await kubedb::update_dependent_object(client, sentinels, dialect, theirs);
        EXPECT_EQ(code(foreign), "not_owned");
        ours.paused = true;
        auto updated = co_await kubedb::update_dependent_object(client, sentinels, dialect, ours);
        EXPECT_EQ(code(updated), "done");
        auto sentinel = co_await client.get(sentinels, "dbaas-t", "cache-sentinel");
        EXPECT_TRUE(sentinel && sentinel->at("spec").at("halted").as_bool());
        auto other_deleted =
            co_await kubedb::remove_dependent_object(client, sentinels, dialect, theirs);
        EXPECT_TRUE(other_deleted && *other_deleted) << "the other record has no dependent object";
        auto deleted = co_await kubedb::remove_dependent_object(client, sentinels, dialect, ours);
        EXPECT_TRUE(deleted && !*deleted) << "the deletion has only been requested";
        deleted = co_await kubedb::remove_dependent_object(client, sentinels, dialect, ours);
        EXPECT_TRUE(deleted && *deleted);
        updated = co_await kubedb::update_dependent_object(client, sentinels, dialect, ours);
        EXPECT_EQ(code(updated), "done") << "a missing dependent object is created";
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

class counting_listener final : public kube::informer_listener {
  public:
    std::map<std::string, int> upserts;
    int deletes = 0;
    bool synced = false;
    aio::notification* events = nullptr;
    void on_upsert(const kube::object_meta& meta, std::string_view) override {
        ++upserts[meta.name];
        events->notify();
    }
    void on_delete(const kube::object_meta& meta) override {
        upserts.erase(meta.name);
        ++deletes;
        events->notify();
    }
    void on_synced() override {
        synced = true;
        events->notify();
    }
    void on_sync_state(bool, const std::string&) override {}
};

// A path that is not served at the moment does not mean that its objects are deleted. forget()
// reports the deletion of all objects of a kind that is deleted.
TEST_F(api_server_wire, an_informer_resumes_after_its_kind_was_not_served) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        faulty_client faulty(executor, client);
        aio::notification events(executor);
        counting_listener listener;
        listener.events = &events;
        auto project = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(project);
        const auto informer =
            kube::make_informer(faulty, {.kind = namespaces_}, listener, base::system_clock());
        for (const bool was_synced : {false, true}) {
            faulty.fail_next("watch namespaces",
                             kube::failure_of_response(404, "404 page not found"));
            auto ended = co_await informer->run();
            EXPECT_EQ(ended.error().cause, kube::status_reason::not_served);
            EXPECT_TRUE(listener.upserts.contains("t"));
            EXPECT_EQ(listener.deletes, 0);
            EXPECT_TRUE(listener.synced || !was_synced);
        }
        auto created = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "u"}}}});
        EXPECT_TRUE(created);
        aio::task_group watching(executor);
        watching.spawn(informer->run());
        while (!listener.upserts.contains("u")) co_await events.wait();
        watching.cancel();
        co_await watching.join();
        EXPECT_EQ(informer->counters().lists, 1U) << "the informer resumed its watch";
        const auto known = listener.upserts.size();
        informer->forget();
        EXPECT_TRUE(listener.upserts.empty());
        EXPECT_EQ(static_cast<std::size_t>(listener.deletes), known);
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

TEST_F(api_server_wire, an_informer_follows_changes_without_a_second_list) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        aio::notification events(executor);
        counting_listener listener;
        listener.events = &events;
        const kube::resource secrets{.version = "v1", .plural = "secrets", .kind = "Secret"};
        auto project = co_await client.create(namespaces_, {}, {{"metadata", {{"name", "t"}}}});
        EXPECT_TRUE(project);
        for (const auto* name : {"a", "b"}) {
            auto created = co_await client.create(secrets, "t", {{"metadata", {{"name", name}}}});
            EXPECT_TRUE(created);
        }
        auto informer = kube::make_informer(client, {.kind = secrets, .page_size = 1}, listener,
                                            base::system_clock());
        aio::task_group watching(executor);
        watching.spawn(informer->run());
        while (!listener.synced) co_await events.wait();
        EXPECT_EQ(listener.upserts.size(), 2U);
        auto created = co_await client.create(secrets, "t", {{"metadata", {{"name", "c"}}}});
        EXPECT_TRUE(created);
        while (!listener.upserts.contains("c")) co_await events.wait();
        auto deleted = co_await client.remove(secrets, "t", "a");
        EXPECT_TRUE(deleted);
        while (listener.deletes == 0) co_await events.wait();
        EXPECT_EQ(informer->counters().lists, 2U);  // two pages of one list
        EXPECT_EQ(informer->counters().watches, 1U);
        watching.cancel();
        co_await watching.join();
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

}  // namespace
