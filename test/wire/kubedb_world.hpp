#pragma once
// A fakes::cluster_world over the KubeDB adapter: the local API server runs in this process and
// simulates the databases. The world lives on one loop; the server has its own thread.

#include "base/base64.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "devcluster/synthetic/synthetic_cluster.hpp"
#include "http/client.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "test/support/cluster_world.hpp"
#include "test/support/recording_log.hpp"
#include "test/wire/faulty_client.hpp"

namespace kubedb_wire {

using fakes::injected_fault;

template <class T>
base::outcome<void> without_value(base::outcome<T> result) {
    if (!result) return base::pass(std::move(result));
    return {};
}

// The request of the API server that has the effect of a function of the port.
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
    explicit kubedb_world(const aio::executor& executor, kubedb::cluster_options options = {})
        : server_(*apiserver::start({.simulator = simulate})),
          fault_client_(*http::make_client(
              executor, {.origin = {.host = "127.0.0.1", .port = server_->port()}})),
          admin_(connect(executor)),
          direct_client_(connect(executor)),
          faulty_client_(executor, *direct_client_),
          cluster_(make(executor, options)) {}

    ports::cluster& port() override { return *cluster_; }
    kube::client& admin() { return *admin_; }
    faulty_client& wire() { return faulty_client_; }
    const fakes::recording_log& log() const { return log_; }

    // The simulator acts by itself.
    aio::task<> run_operator(domain::database) override { co_return base::ok(); }

    aio::task<> put_foreign_project(std::string project) override {
        co_return without_value(co_await admin_->create(
            namespaces(), {}, {{"metadata", {{"name", kubedb::namespace_of(project)}}}}));
    }
    aio::task<> put_foreign_object(domain::database record) override {
        auto content = kubedb::database_manifest(dialect_of(record), record);
        content["metadata"].get_object().erase("labels");
        co_return without_value(
            co_await admin_->create(resource_of(record), namespace_of(record), std::move(content)));
    }
    aio::task<> silence_watches() { return set_faults({{"silent_watches", true}}); }
    aio::task<> cut_watches(bool are_silent = false) {
        return set_faults({{"silent_watches", are_silent}, {"cut_watches", true}});
    }
    // Deletes the definition of the engine's kind, and with it all objects of the kind.
    aio::task<> delete_kind(std::string engine) {
        const auto name = kubedb::find_dialect(engine)->kind().name_label();
        co_return without_value(co_await admin_->remove(definitions(), {}, name));
    }
    // Stops serving the first version of the engine's kind.
    aio::task<> stop_serving_version(std::string engine) {
        const auto name = kubedb::find_dialect(engine)->kind().name_label();
        const json::object operation{
            {"op", "replace"}, {"path", "/spec/versions/0/served"}, {"value", false}};
        co_return without_value(co_await admin_->patch(
            definitions(), {}, name, kube::patch_type::json, json::array{json::value(operation)}));
    }
    // Creates an OpsRequest without the platform's labels.
    aio::task<> create_foreign_ops_request(domain::database record) {
        auto content = *kubedb::ops_manifest(dialect_of(record), record, record.topology,
                                             domain::change_kind::restart, "op-h");
        content["metadata"].get_object().erase("labels");
        const auto& kind = kind_of(record);
        co_return without_value(co_await admin_->create({.group = "ops.kubedb.com",
                                                         .version = "v1alpha1",
                                                         .plural = kind.ops_plural(),
                                                         .kind = kind.ops_kind()},
                                                        namespace_of(record), std::move(content)));
    }
    aio::task<> set_policy(domain::database record, std::string policy) {
        co_return without_value(co_await admin_->patch(
            resource_of(record), namespace_of(record), record.name, kube::patch_type::merge,
            json::object{{"spec", {{"deletionPolicy", policy}}}}));
    }
    aio::task<> set_labels(domain::database record, json::object labels) {
        co_return without_value(co_await admin_->patch(
            resource_of(record), namespace_of(record), record.name, kube::patch_type::merge,
            json::object{{"metadata", {{"labels", std::move(labels)}}}}));
    }
    aio::task<> delete_namespace(std::string project) {
        co_return without_value(
            co_await admin_->remove(namespaces(), {}, kubedb::namespace_of(project)));
    }
    aio::task<> delete_object(domain::database record) override {
        co_return without_value(
            co_await admin_->remove(resource_of(record), namespace_of(record), record.name));
    }
    aio::task<> block_deletion(domain::database record) override {
        return set_finalizer(std::move(record), true);
    }
    aio::task<> unblock_deletion(domain::database record) override {
        return set_finalizer(std::move(record), false);
    }
    aio::task<> put_stray_volume(domain::database record) override {
        const json::object labels{
            {kubedb::label_name, std::string(kind_of(record).plural) + ".kubedb.com"},
            {kubedb::label_instance, record.name},
            {"app.kubernetes.io/managed-by", "kubedb.com"}};
        co_return without_value(co_await admin_->create(
            volumes(), namespace_of(record),
            {{"metadata", {{"name", "data-" + record.name + "-7"}, {"labels", labels}}},
             {"spec",
              {{"accessModes", json::array{"ReadWriteOnce"}},
               {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}}));
    }
    aio::task<> delete_stray_volume(domain::database record) override {
        co_return without_value(
            co_await admin_->remove(volumes(), namespace_of(record), "data-" + record.name + "-7"));
    }
    aio::task<> set_password(domain::database record, std::string password) override {
        co_return without_value(co_await admin_->patch(
            {.version = "v1", .plural = "secrets", .kind = "Secret"}, namespace_of(record),
            record.name + "-auth", kube::patch_type::merge,
            json::object{{"data", {{"password", base::to_base64(password)}}}}));
    }

    // Applies the merge patch to the spec of the AppBinding.
    aio::task<> patch_binding(domain::database record, json::object spec) {
        co_return without_value(co_await admin_->patch({.group = "appcatalog.appscode.com",
                                                        .version = "v1alpha1",
                                                        .plural = "appbindings",
                                                        .kind = "AppBinding"},
                                                       namespace_of(record), record.name,
                                                       kube::patch_type::merge,
                                                       json::object{{"spec", std::move(spec)}}));
    }
    aio::task<> delete_auth_secret(domain::database record) {
        co_return without_value(
            co_await admin_->remove({.version = "v1", .plural = "secrets", .kind = "Secret"},
                                    namespace_of(record), record.name + "-auth"));
    }

    aio::task<std::string> snapshot_of(domain::database record) override {
        auto object = co_await admin_->get(resource_of(record), namespace_of(record), record.name);
        if (!object && object.error().code == base::errc::not_found) co_return std::string();
        if (!object) co_return base::pass(std::move(object));
        const auto& metadata = json::object_or_empty(*object, "metadata");
        co_return json::serialize(json::array{
            std::string(json::text_at(metadata, "uid")),
            std::string(json::text_at(metadata, "deletionTimestamp")),
            json::object_or_empty(metadata, "labels"), json::object_or_empty(*object, "spec")});
    }
    aio::task<std::size_t> count_changes(domain::database record) override {
        const auto& kind = kind_of(record);
        auto all = co_await admin_->list({.group = "ops.kubedb.com",
                                          .version = "v1alpha1",
                                          .plural = kind.ops_plural(),
                                          .kind = kind.ops_kind()},
                                         namespace_of(record));
        if (!all) co_return base::pass(std::move(all));
        co_return static_cast<std::size_t>(
            std::ranges::count_if(all->items, [&](const auto& request) {
                const auto& spec = json::object_or_empty(request, "spec");
                return json::text_at(json::object_or_empty(spec, "databaseRef"), "name") ==
                       record.name;
            }));
    }

    aio::task<> add_version(std::string engine, ports::engine_version version) override {
        const json::object content{{"metadata", {{"name", version.name}}},
                                   {"spec",
                                    {{"version", version.version},
                                     {"deprecated", version.deprecated},
                                     {"distribution", version.distribution}}}};
        co_return without_value(co_await admin_->create(versions_of(engine), {}, content));
    }
    aio::task<> remove_version(std::string engine, std::string version) override {
        co_return without_value(co_await admin_->remove(versions_of(engine), {}, version));
    }
    aio::task<> add_capacity(std::int64_t cpu_millis, std::int64_t memory_bytes) override {
        const kube::resource nodes{
            .version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
        auto node = co_await admin_->create(nodes, {}, {{"metadata", {{"name", "another"}}}});
        if (!node) co_return base::pass(std::move(node));
        const json::object capacity{{"cpu", std::to_string(cpu_millis) + "m"},
                                    {"memory", std::to_string(memory_bytes)}};
        co_return without_value(co_await admin_->patch(
            nodes, {}, "another", kube::patch_type::merge,
            json::object{{"status", {{"allocatable", capacity}, {"capacity", capacity}}}},
            "status"));
    }

    aio::task<> disconnect() override {
        return set_faults({{"error_rate", 1},
                           {"error_status", 503},
                           {"retry_after_seconds", 0},
                           {"verbs", json::array{"watch", "list"}},
                           {"cut_watches", true}});
    }
    aio::task<> reconnect() override { return set_faults({}); }
    aio::task<> inject_fault(std::string function, injected_fault fault) override {
        const auto call = call_of(function);
        if (fault == injected_fault::lost_response || fault == injected_fault::hung) {
            faulty_client_.lose_next_response(call.verb + " " + call.plural,
                                              fault == injected_fault::hung);
            co_return base::ok();
        }
        co_return co_await set_faults(
            {{"error_rate", 1},
             {"error_status", fault == injected_fault::unavailable ? 503 : 403},
             {"retry_after_seconds", 0},
             {"verbs", json::array{call.verb}},
             {"resources", json::array{call.plural}}});
    }
    aio::task<> clear_faults() override {
        faulty_client_.clear();
        return set_faults({});
    }
    aio::task<> wait_until_hung() override { return faulty_client_.wait_until_hung(); }

  private:
    std::unique_ptr<ports::cluster> make(const aio::executor& executor,
                                         kubedb::cluster_options options) {
        return kubedb::make_cluster(executor, faulty_client_, base::system_clock(), log_, registry_,
                                    options);
    }
    static std::unique_ptr<apiserver::simulator> simulate(aio::executor executor,
                                                          apiserver::api_core& content,
                                                          apiserver::object_store& objects) {
        return synthetic::make_cluster(std::move(executor), content, objects, {.capacity = 100});
    }
    std::unique_ptr<kube::client> connect(const aio::executor& executor) const {
        return *kube::make_client(
            executor, {.config = {.server = {.host = "127.0.0.1", .port = server_->port()}},
                       .retries_max = 0});
    }
    static const kubedb::engine_dialect& dialect_of(const domain::database& record) {
        return *kubedb::find_dialect(record.engine);
    }
    static const kubedb::engine_kind& kind_of(const domain::database& record) {
        return dialect_of(record).kind();
    }
    static std::string namespace_of(const domain::database& record) {
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
        const auto& kind = kubedb::find_dialect(engine)->kind();
        return {.group = "catalog.kubedb.com",
                .version = "v1alpha1",
                .plural = kind.version_plural(),
                .kind = std::string(kind.kind) + "Version",
                .namespaced = false};
    }

    aio::task<> set_faults(json::object faults) {
        http::request request{.verb = http::method::post,
                              .target = "/devcluster/faults",
                              .body = json::serialize(faults)};
        request.headers.add("Content-Type", "application/json");
        auto response = co_await fault_client_->send(std::move(request), {});
        if (!response) co_return base::pass(std::move(response));
        if (response->status / 100 != 2) {
            co_return base::fail(base::errc::internal, response->body.to_string());
        }
        co_return base::ok();
    }

    // The operator writes finalizers too, so this retries until no other write came in between.
    aio::task<> set_finalizer(domain::database record, bool is_set) {
        const json::value ours("example.com/hold");
        while (true) {
            auto object =
                co_await admin_->get(resource_of(record), namespace_of(record), record.name);
            if (!object) co_return base::pass(std::move(object));
            const auto& metadata = json::object_or_empty(*object, "metadata");
            json::array wanted;
            for (const auto& finalizer : json::array_or_empty(metadata, "finalizers")) {
                if (finalizer != ours) wanted.push_back(finalizer);
            }
            if (is_set) wanted.push_back(ours);
            const std::string version(json::text_at(metadata, "resourceVersion"));
            auto set = co_await admin_->patch(
                resource_of(record), namespace_of(record), record.name, kube::patch_type::merge,
                json::object{{"metadata", {{"finalizers", wanted}, {"resourceVersion", version}}}});
            if (set) co_return base::ok();
            if (set.error().code != base::errc::precondition) co_return base::pass(std::move(set));
        }
    }

    std::unique_ptr<apiserver::api_server> server_;
    std::unique_ptr<http::client> fault_client_;
    std::unique_ptr<kube::client> admin_;
    std::unique_ptr<kube::client> direct_client_;
    faulty_client faulty_client_;
    fakes::recording_log log_;
    obs::registry registry_;
    std::unique_ptr<ports::cluster> cluster_;
};

}  // namespace kubedb_wire
