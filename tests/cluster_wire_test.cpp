// The KubeDB adapter keeps the contract of ports::cluster over the real wire: the local API server
// in this process, with databases that are played.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/base64.hpp"
#include "devcluster/apiserver/server.hpp"
#include "devcluster/synthetic/cluster.hpp"
#include "http/client.hpp"
#include "kube/json_text.hpp"
#include "kubedb/cluster.hpp"
#include "kubedb/engine_table.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "testing/cluster_contract.hpp"
#include "tests/cutting_client.hpp"

namespace {

namespace json = boost::json;
using fakes::trouble;

base::outcome<void> done() {
    return {};
}
template <class T>
base::outcome<void> without_value(base::outcome<T> from) {
    if (!from) return base::pass(std::move(from));
    return {};
}

// What a function of the port asks the API server for, in the end.
struct call_name {
    std::string verb;
    std::string plural;
};
call_name call_of(const std::string& function) {
    if (function == "ensure_project") return {"create", "namespaces"};
    if (function == "create") return {"create", "redises"};
    if (function == "update") return {"patch", "redises"};
    if (function == "request_change") return {"create", "redisopsrequests"};
    if (function == "remove") return {"delete", "redises"};
    return {"get", "secrets"};
}

class kubedb_world final : public fakes::cluster_world {
  public:
    explicit kubedb_world(const aio::executor& on)
        : server_(*apiserver::start({.resident = play})),
          faults_(
              *http::make_client(on, {.origin = {.host = "127.0.0.1", .port = server_->port()}})),
          hand_(connect(on)),
          used_(connect(on)),
          cut_(on, *used_),
          cluster_(kubedb::make_cluster(
              on, cut_, base::system_clock(), obs::null_log(), registry_,
              {.on_metrics_port = [this](const auto& key, auto port) { ports_[key] = port; }})) {}

    ports::cluster& port() override { return *cluster_; }
    kube::client& hand() { return *hand_; }
    cutting_client& wire() { return cut_; }
    std::optional<std::uint16_t> metrics_port(const domain::database& of) {
        return ports_[{of.project, of.engine, of.name}];
    }

    // It works by itself.
    aio::task<> work(domain::database) override { co_return done(); }

    aio::task<> put_foreign_project(std::string project) override {
        co_return without_value(co_await hand_->create(
            namespaces(), {}, {{"metadata", {{"name", kubedb::namespace_of(project)}}}}));
    }
    aio::task<> put_foreign(domain::database like) override {
        auto content = kubedb::database_manifest(kind_of(like), like);
        content["metadata"].get_object().erase("labels");
        co_return without_value(
            co_await hand_->create(resource_of(like), home_of(like), std::move(content)));
    }
    aio::task<> silence_watches() { return set_faults({{"silent_watches", true}}); }
    aio::task<> set_policy(domain::database of, std::string policy) {
        co_return without_value(
            co_await hand_->patch(resource_of(of), home_of(of), of.name, kube::patch_type::merge,
                                  json::object{{"spec", {{"deletionPolicy", policy}}}}));
    }
    aio::task<> take_project_away(std::string project) {
        co_return without_value(
            co_await hand_->remove(namespaces(), {}, kubedb::namespace_of(project)));
    }
    aio::task<> take_away(domain::database which) override {
        co_return without_value(
            co_await hand_->remove(resource_of(which), home_of(which), which.name));
    }
    aio::task<> hold(domain::database which) override {
        return set_finalizer(std::move(which), true);
    }
    aio::task<> let_go(domain::database which) override {
        return set_finalizer(std::move(which), false);
    }
    aio::task<> put_stray_volume(domain::database of) override {
        const json::object labels{
            {kubedb::label_name, std::string(kind_of(of).plural) + ".kubedb.com"},
            {kubedb::label_instance, of.name},
            {"app.kubernetes.io/managed-by", "kubedb.com"}};
        co_return without_value(co_await hand_->create(
            volumes(), home_of(of),
            {{"metadata", {{"name", "data-" + of.name + "-7"}, {"labels", labels}}},
             {"spec",
              {{"accessModes", json::array{"ReadWriteOnce"}},
               {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}}));
    }
    aio::task<> sweep(domain::database of) override {
        co_return without_value(
            co_await hand_->remove(volumes(), home_of(of), "data-" + of.name + "-7"));
    }
    aio::task<> set_password(domain::database of, std::string password) override {
        co_return without_value(co_await hand_->patch(
            {.version = "v1", .plural = "secrets", .kind = "Secret"}, home_of(of),
            of.name + "-auth", kube::patch_type::merge,
            json::object{{"data", {{"password", base::to_base64(password)}}}}));
    }

    aio::task<std::string> picture_of(domain::database which) override {
        auto there = co_await hand_->get(resource_of(which), home_of(which), which.name);
        if (!there && there.error().code == base::errc::not_found) co_return std::string();
        if (!there) co_return base::pass(std::move(there));
        const auto& metadata = kube::object_or_empty(*there, "metadata");
        co_return json::serialize(json::array{
            std::string(kube::text_at(metadata, "uid")),
            std::string(kube::text_at(metadata, "deletionTimestamp")),
            kube::object_or_empty(metadata, "labels"), kube::object_or_empty(*there, "spec")});
    }
    aio::task<std::size_t> changes_of(domain::database which) override {
        const auto& kind = kind_of(which);
        auto all = co_await hand_->list({.group = "ops.kubedb.com",
                                         .version = "v1alpha1",
                                         .plural = kind.ops_plural(),
                                         .kind = kind.ops_kind()},
                                        home_of(which));
        if (!all) co_return base::pass(std::move(all));
        co_return static_cast<std::size_t>(std::ranges::count_if(all->items, [&](const auto& each) {
            const auto& spec = kube::object_or_empty(each, "spec");
            return kube::text_at(kube::object_or_empty(spec, "databaseRef"), "name") == which.name;
        }));
    }

    aio::task<> offer(std::string engine, ports::engine_version version) override {
        const json::object content{{"metadata", {{"name", version.name}}},
                                   {"spec",
                                    {{"version", version.version},
                                     {"deprecated", version.deprecated},
                                     {"distribution", version.distribution}}}};
        co_return without_value(co_await hand_->create(versions_of(engine), {}, content));
    }
    aio::task<> withdraw(std::string engine, std::string version) override {
        co_return without_value(co_await hand_->remove(versions_of(engine), {}, version));
    }
    aio::task<> add_room(std::int64_t cpu_millis, std::int64_t memory_bytes) override {
        const kube::resource nodes{
            .version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
        auto made = co_await hand_->create(nodes, {}, {{"metadata", {{"name", "another"}}}});
        if (!made) co_return base::pass(std::move(made));
        const json::object room{{"cpu", std::to_string(cpu_millis) + "m"},
                                {"memory", std::to_string(memory_bytes)}};
        co_return without_value(co_await hand_->patch(
            nodes, {}, "another", kube::patch_type::merge,
            json::object{{"status", {{"allocatable", room}, {"capacity", room}}}}, "status"));
    }

    aio::task<> cut_link() override {
        return set_faults({{"error_rate", 1},
                           {"error_status", 503},
                           {"retry_after_seconds", 0},
                           {"verbs", json::array{"watch", "list"}},
                           {"cut_watches", true}});
    }
    aio::task<> mend_link() override { return set_faults({}); }
    aio::task<> make_trouble(std::string function, trouble what) override {
        const auto call = call_of(function);
        if (what == trouble::lost || what == trouble::hung) {
            cut_.cut_next(call.verb + " " + call.plural, what == trouble::hung);
            co_return done();
        }
        co_return co_await set_faults({{"error_rate", 1},
                                       {"error_status", what == trouble::down ? 503 : 403},
                                       {"retry_after_seconds", 0},
                                       {"verbs", json::array{call.verb}},
                                       {"resources", json::array{call.plural}}});
    }
    aio::task<> calm() override {
        cut_.forget();
        return set_faults({});
    }
    aio::task<> until_hung() override { return cut_.until_hung(); }

  private:
    static std::unique_ptr<apiserver::resident> play(aio::executor on, apiserver::core& content,
                                                     apiserver::object_store& objects) {
        return synthetic::make_cluster(std::move(on), content, objects, {.capacity = 100});
    }
    std::unique_ptr<kube::client> connect(const aio::executor& on) const {
        return *kube::make_client(
            on, {.config = {.server = {.host = "127.0.0.1", .port = server_->port()}},
                 .retries_max = 0});
    }
    static const kubedb::engine_kind& kind_of(const domain::database& record) {
        return *kubedb::find_kind(record.engine);
    }
    static std::string home_of(const domain::database& record) {
        return kubedb::namespace_of(record.project);
    }
    static kube::resource namespaces() {
        return {.version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
    }
    static kube::resource volumes() {
        return {
            .version = "v1", .plural = "persistentvolumeclaims", .kind = "PersistentVolumeClaim"};
    }
    static kube::resource resource_of(const domain::database& record) {
        const auto& kind = kind_of(record);
        return {.group = "kubedb.com",
                .version = "v1",
                .plural = std::string(kind.plural),
                .kind = std::string(kind.kind)};
    }
    static kube::resource versions_of(const std::string& engine) {
        const auto& kind = *kubedb::find_kind(engine);
        return {.group = "catalog.kubedb.com",
                .version = "v1alpha1",
                .plural = kind.version_plural(),
                .kind = std::string(kind.kind) + "Version",
                .namespaced = false};
    }

    aio::task<> set_faults(json::object what) {
        http::request asked{.verb = http::method::post,
                            .target = "/devcluster/faults",
                            .body = json::serialize(what)};
        asked.headers.add("Content-Type", "application/json");
        auto answer = co_await faults_->send(std::move(asked), {});
        if (!answer) co_return base::pass(std::move(answer));
        if (answer->status / 100 != 2) {
            co_return base::fail(base::errc::internal, answer->body.to_string());
        }
        co_return done();
    }

    // The operator writes finalizers too: until nobody came between.
    aio::task<> set_finalizer(domain::database which, bool is_set) {
        const json::value ours("example.com/hold");
        while (true) {
            auto there = co_await hand_->get(resource_of(which), home_of(which), which.name);
            if (!there) co_return base::pass(std::move(there));
            const auto& metadata = kube::object_or_empty(*there, "metadata");
            json::array wanted;
            for (const auto& each : kube::array_or_empty(metadata, "finalizers")) {
                if (each != ours) wanted.push_back(each);
            }
            if (is_set) wanted.push_back(ours);
            const std::string version(kube::text_at(metadata, "resourceVersion"));
            auto set = co_await hand_->patch(
                resource_of(which), home_of(which), which.name, kube::patch_type::merge,
                json::object{{"metadata", {{"finalizers", wanted}, {"resourceVersion", version}}}});
            if (set) co_return done();
            if (set.error().code != base::errc::precondition) co_return base::pass(std::move(set));
        }
    }

    std::unique_ptr<apiserver::api_server> server_;
    std::unique_ptr<http::client> faults_;
    std::unique_ptr<kube::client> hand_;
    std::unique_ptr<kube::client> used_;
    cutting_client cut_;
    obs::registry registry_;
    std::map<ports::database_key, std::optional<std::uint16_t>> ports_;
    std::unique_ptr<ports::cluster> cluster_;
};

}  // namespace

namespace fakes {
INSTANTIATE_TEST_SUITE_P(kubedb, cluster_contract, ::testing::Values([](const aio::executor& on) {
                             return std::make_unique<kubedb_world>(on);
                         }));
}  // namespace fakes

// ---- of this adapter alone ---------------------------------------------------------------

namespace {

class kubedb_cluster : public testing::Test {
  protected:
    struct scene {
        kubedb_world& world;
        ports::cluster& port;
        fakes::cluster_watcher& seen;
    };
    // On a loop of its own, synced.
    void play(std::function<aio::task<>(scene&)> act) {
        auto whole = [](std::function<aio::task<>(scene&)> inner) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            kubedb_world world(on);
            fakes::cluster_watcher seen(on);
            aio::task_group running(on);
            running.spawn(world.port().run(seen));
            scene it{world, world.port(), seen};
            auto played =
                co_await seen.until([&] { return seen.link() == ports::link_state::synced; });
            if (played) played = co_await it.port.ensure_project({.name = "shop"});
            if (played) played = co_await inner(it);
            running.cancel();
            co_await running.join();
            co_return played;
        };
        const auto played = aio::run_to_end(aio::with_deadline(
            std::chrono::steady_clock::now() + std::chrono::seconds(30), whole(std::move(act))));
        EXPECT_TRUE(played) << base::name(played.error().code) << ": " << played.error().text;
    }
    static domain::database record() {
        return {.id = "db-1",
                .project = "shop",
                .name = "cache",
                .engine = "redis",
                .version = "7.2.1",
                .size = {500, std::int64_t(1) << 30},
                .storage = {.bytes = std::int64_t(1) << 30}};
    }
};

TEST_F(kubedb_cluster, an_object_that_takes_the_place_during_an_update_is_not_touched) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto uid = co_await it.port.create(wanted);
        if (!uid) co_return base::pass(std::move(uid));
        wanted.object_uid = *uid;
        wanted.tags = {{"tier", "gold"}};
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
        co_return done();
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
        co_return done();
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
        co_return done();
    });
}

TEST_F(kubedb_cluster, a_namespace_that_is_missing_is_a_passing_trouble) {
    play([](scene& it) -> aio::task<> {
        auto elsewhere = record();
        elsewhere.project = "nowhere";
        const auto created = co_await it.port.create(elsewhere);
        EXPECT_EQ(created.error().code, base::errc::unavailable);
        EXPECT_EQ(created.error().reason, "project_missing");
        co_return done();
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
        co_return done();
    });
}

TEST_F(kubedb_cluster, is_not_gone_while_a_volume_is_left_that_no_watch_has_told_of) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto uid = co_await it.port.create(wanted);
        if (!uid) co_return base::pass(std::move(uid));
        wanted.object_uid = *uid;
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
        co_return done();
    });
}

// KubeDB's webhook sets the policy of a halted database to Halt, which keeps everything.
TEST_F(kubedb_cluster, a_paused_database_goes_with_its_volumes) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        wanted.paused = true;
        auto uid = co_await it.port.create(wanted);
        if (!uid) co_return base::pass(std::move(uid));
        wanted.object_uid = *uid;
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

TEST_F(kubedb_cluster, tells_where_the_exporter_listens) {
    play([](scene& it) -> aio::task<> {
        auto wanted = record();
        auto uid = co_await it.port.create(wanted);
        if (!uid) co_return base::pass(std::move(uid));
        wanted.object_uid = *uid;
        auto told = co_await it.seen.until([&] { return it.seen.of(wanted).has_metrics; });
        if (!told) co_return told;
        EXPECT_EQ(it.world.metrics_port(wanted), 56790);
        auto begun = co_await it.port.remove(wanted);
        EXPECT_FALSE(begun.value());
        auto gone = co_await it.seen.until([&] {
            const auto& state = it.seen.of(wanted);
            return !state.exists && !state.has_metrics;
        });
        if (!gone) co_return gone;
        EXPECT_EQ(it.world.metrics_port(wanted), std::nullopt);
        co_return done();
    });
}

}  // namespace
