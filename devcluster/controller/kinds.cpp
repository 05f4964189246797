#include "devcluster/controller/kinds.hpp"

#include <array>

#include "base/ascii.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"

namespace controller {
namespace {

constexpr std::array table{
    engine_kind{"postgres", "Postgres", "postgreses", "postgres", "replicas", 5432,
                "postgresql://127.0.0.1:{}/postgres?sslmode=disable"},
    engine_kind{"redis", "Redis", "redises", "redis", "replicas", 6379, "redis://127.0.0.1:{}"},
    engine_kind{"mariadb", "MariaDB", "mariadbs", "mariadb", "member", 3306, "tcp(127.0.0.1:{})/",
                "Master", "Slave"},
    engine_kind{"memcached", "Memcached", "memcacheds", "memcached", "replicas", 11211,
                "memcached://127.0.0.1:{}"},
    // Known, but without a runtime.
    engine_kind{"mysql", "MySQL", "mysqls", "mysql", "member", 3306, ""},
    engine_kind{"mongodb", "MongoDB", "mongodbs", "mongodb", "replicas", 27017, ""},
    engine_kind{"elasticsearch", "Elasticsearch", "elasticsearches", "elasticsearch", "node", 9200,
                ""},
    engine_kind{"redissentinel", "RedisSentinel", "redissentinels", "redissentinel", "", 26379, ""},
};

}  // namespace

std::span<const engine_kind> engine_kinds() {
    return table;
}

kube::resource database_resource(const engine_kind& kind) {
    return {.group = "kubedb.com",
            .version = "v1",
            .plural = std::string(kind.plural),
            .kind = std::string(kind.kind)};
}
kube::resource request_resource(const engine_kind& kind) {
    return {.group = "ops.kubedb.com",
            .version = "v1alpha1",
            .plural = base::lower(kind.kind) + "opsrequests",
            .kind = std::string(kind.kind) + "OpsRequest"};
}
kube::resource version_resource(const engine_kind& kind) {
    return {.group = "catalog.kubedb.com",
            .version = "v1alpha1",
            .plural = base::lower(kind.kind) + "versions",
            .kind = std::string(kind.kind) + "Version",
            .namespaced = false};
}

kube::resource core(std::string_view plural, std::string_view kind) {
    return {.version = "v1", .plural = std::string(plural), .kind = std::string(kind)};
}
kube::resource claims() {
    return core("persistentvolumeclaims", "PersistentVolumeClaim");
}
kube::resource pet_sets() {
    return {
        .group = "apps.k8s.appscode.com", .version = "v1", .plural = "petsets", .kind = "PetSet"};
}
kube::resource bindings() {
    return {.group = "appcatalog.appscode.com",
            .version = "v1alpha1",
            .plural = "appbindings",
            .kind = "AppBinding"};
}

kube::write_options own_write() {
    return {.field_manager = "local-operator", .strict_fields = false};
}

aio::task<> ensure(kube::client& client, kube::resource resource, json::object content) {
    const auto* metadata = json::object_at(content, "metadata");
    const std::string home(json::text_at(*metadata, "namespace"));
    const std::string name(json::text_at(*metadata, "name"));
    const auto options = own_write();
    auto created = co_await client.create(resource, home, content, options);
    if (created) co_return base::ok();
    if (created.error().cause != kube::status_reason::already_exists)
        co_return base::pass(std::move(created));
    // A pod's spec is immutable, and the server has added defaults.
    if (resource.group.empty() && resource.plural == "pods") content.erase("spec");
    auto patched =
        co_await client.patch(resource, home, name, kube::patch_type::merge, content, {}, options);
    if (!patched) co_return base::pass(std::move(patched));
    co_return base::ok();
}

aio::task<> remove(kube::client& client, kube::resource resource, std::string ns,
                   std::string name) {
    // There is no kubelet that ends pods; the processes have ended before.
    auto removed =
        co_await client.remove(resource, std::move(ns), std::move(name), {.at_once = true});
    const auto is_deleted = [](const base::failure& failure) {
        return failure.code == base::errc::not_found ||
               failure.cause == kube::status_reason::not_served;
    };
    if (!removed && !is_deleted(removed.error())) {
        co_return base::pass(std::move(removed));
    }
    co_return base::ok();
}

}  // namespace controller
