#pragma once
// The local API server in this process, with databases that are played, as the other side of the
// KubeDB adapter: for the contract of ports::cluster. One loop beside the server's own thread.

#include <boost/json.hpp>

#include "base/base64.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "devcluster/synthetic/synthetic_cluster.hpp"
#include "http/client.hpp"
#include "kube/json_text.hpp"
#include "kubedb/engine_table.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "test/support/cluster_world.hpp"
#include "test/support/recording_log.hpp"
#include "test/wire/cutting_client.hpp"

namespace kubedb_wire {

namespace json = boost::json;
using fakes::trouble;

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
inline call_name call_of(const std::string& function) {
    if (function == "ensure_project") return {"create", "namespaces"};
    if (function == "create") return {"create", "redises"};
    if (function == "update") return {"patch", "redises"};
    if (function == "request_change") return {"create", "redisopsrequests"};
    if (function == "remove") return {"delete", "redises"};
    return {"get", "secrets"};
}

class kubedb_world final : public fakes::cluster_world {
  public:
    explicit kubedb_world(const aio::executor& on, kubedb::cluster_options how = {})
        : server_(*apiserver::start({.simulator = play})),
          faults_(
              *http::make_client(on, {.origin = {.host = "127.0.0.1", .port = server_->port()}})),
          hand_(connect(on)),
          used_(connect(on)),
          cut_(on, *used_),
          cluster_(make(on, std::move(how))) {}

    ports::cluster& port() override { return *cluster_; }
    kube::client& hand() { return *hand_; }
    cutting_client& wire() { return cut_; }
    const fakes::recording_log& log() const { return log_; }

    // It works by itself.
    aio::task<> work(domain::database) override { co_return base::ok(); }

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
    aio::task<> cut_watches(bool are_silent = false) {
        return set_faults({{"silent_watches", are_silent}, {"cut_watches", true}});
    }
    // Its definition, with what there is of it.
    aio::task<> take_kind_away(std::string engine) {
        const auto name = std::string(kubedb::find_kind(engine)->plural) + ".kubedb.com";
        co_return without_value(co_await hand_->remove(definitions(), {}, name));
    }
    // It is not served any more as its definition's first version.
    aio::task<> take_version_away(std::string engine) {
        const auto name = std::string(kubedb::find_kind(engine)->plural) + ".kubedb.com";
        const json::object end{
            {"op", "replace"}, {"path", "/spec/versions/0/served"}, {"value", false}};
        co_return without_value(co_await hand_->patch(
            definitions(), {}, name, kube::patch_type::json, json::array{json::value(end)}));
    }
    // A request for a change, of somebody's own.
    aio::task<> ask_by_hand(domain::database of) {
        auto content = *kubedb::ops_manifest(kind_of(of), of, of.topology,
                                             domain::change_kind::restart, "op-h");
        content["metadata"].get_object().erase("labels");
        const auto& kind = kind_of(of);
        co_return without_value(co_await hand_->create({.group = "ops.kubedb.com",
                                                        .version = "v1alpha1",
                                                        .plural = kind.ops_plural(),
                                                        .kind = kind.ops_kind()},
                                                       home_of(of), std::move(content)));
    }
    aio::task<> set_policy(domain::database of, std::string policy) {
        co_return without_value(
            co_await hand_->patch(resource_of(of), home_of(of), of.name, kube::patch_type::merge,
                                  json::object{{"spec", {{"deletionPolicy", policy}}}}));
    }
    aio::task<> set_labels(domain::database of, json::object labels) {
        co_return without_value(
            co_await hand_->patch(resource_of(of), home_of(of), of.name, kube::patch_type::merge,
                                  json::object{{"metadata", {{"labels", std::move(labels)}}}}));
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
            co_return base::ok();
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
    std::unique_ptr<ports::cluster> make(const aio::executor& on, kubedb::cluster_options how) {
        return kubedb::make_cluster(on, cut_, base::system_clock(), log_, registry_,
                                    std::move(how));
    }
    static std::unique_ptr<apiserver::simulator> play(aio::executor on,
                                                      apiserver::api_core& content,
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
    static kube::resource definitions() {
        return {.group = "apiextensions.k8s.io",
                .version = "v1",
                .plural = "customresourcedefinitions",
                .kind = "CustomResourceDefinition",
                .namespaced = false};
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
        co_return base::ok();
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
            if (set) co_return base::ok();
            if (set.error().code != base::errc::precondition) co_return base::pass(std::move(set));
        }
    }

    std::unique_ptr<apiserver::api_server> server_;
    std::unique_ptr<http::client> faults_;
    std::unique_ptr<kube::client> hand_;
    std::unique_ptr<kube::client> used_;
    cutting_client cut_;
    fakes::recording_log log_;
    obs::registry registry_;
    std::unique_ptr<ports::cluster> cluster_;
};

}  // namespace kubedb_wire
