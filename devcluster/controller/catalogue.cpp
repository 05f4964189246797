#include "devcluster/controller/catalogue.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "aio/blocking.hpp"
#include "base/quantity.hpp"
#include "devcluster/runtime/engine.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"

namespace controller {
namespace {

// Databases of a demonstration are idle most of the time.
constexpr std::int64_t cpu_overcommit = 100;
constexpr std::int64_t memory_overcommit = 10;
constexpr std::string_view our_label = "app.kubernetes.io/managed-by";
constexpr std::string_view our_name = "local-operator";

json::object our_metadata(std::string_view name) {
    return {{"name", name}, {"labels", json::object{{our_label, our_name}}}};
}

json::object node_object(const std::string& data_dir) {
    const auto cpus = std::max(1U, std::thread::hardware_concurrency());
    const auto memory = std::int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
    std::error_code error;
    const auto disk = std::filesystem::space(data_dir, error).available;
    const json::object room{
        {"cpu", std::to_string(std::int64_t(cpus) * cpu_overcommit)},
        {"memory", base::bytes_text(memory * memory_overcommit / 1048576 * 1048576)},
        {"ephemeral-storage", std::to_string(error ? 0 : disk)},
        {"pods", "100000"}};
    return {{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", our_metadata("local")},
            {"status", {{"capacity", room}, {"allocatable", room}}}};
}

aio::task<> offer_node(kube::client& client, std::string data_dir) {
    const kube::resource nodes{
        .version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
    const auto node = node_object(data_dir);
    auto object = co_await ensure(client, nodes, node);
    if (!object) co_return object;
    json::object patch{{"status", node.at("status")}};
    auto patched = co_await client.patch(nodes, {}, "local", kube::patch_type::merge,
                                         std::move(patch), "status", own_write());
    if (!patched) co_return base::pass(std::move(patched));
    co_return base::ok();
}

aio::task<> offer_storage(kube::client& client) {
    const kube::resource classes{.group = "storage.k8s.io",
                                 .version = "v1",
                                 .plural = "storageclasses",
                                 .kind = "StorageClass",
                                 .namespaced = false};
    auto metadata = our_metadata("local");
    metadata["annotations"] = {{"storageclass.kubernetes.io/is-default-class", "true"}};
    json::object local{{"apiVersion", "storage.k8s.io/v1"},
                       {"kind", "StorageClass"},
                       {"metadata", std::move(metadata)},
                       {"provisioner", "kubedb-dbaas.local/folder"},
                       {"allowVolumeExpansion", true}};
    co_return co_await ensure(client, classes, std::move(local));
}

// Retires versions that are no longer installed. Versions of an upgraded engine become deprecated,
// because databases refer to them. Versions of a removed engine are deleted.
aio::task<> retire_versions(kube::client& client, kube::resource resource, std::string current) {
    const kube::list_options ours{.label_selector = fmt::format("{}={}", our_label, our_name)};
    auto listed = co_await client.list(resource, {}, ours);
    if (!listed && listed.error().cause == kube::status_reason::not_served) co_return base::ok();
    if (!listed) co_return base::pass(std::move(listed));
    for (const auto& each : listed->items) {
        const auto* metadata = json::object_at(each, "metadata");
        const std::string name(json::text_at(*metadata, "name"));
        if (name == current) continue;
        if (current.empty()) {
            auto deleted = co_await remove(client, resource, {}, name);
            if (!deleted) co_return deleted;
            continue;
        }
        json::object patch{{"spec", {{"deprecated", true}}}};
        auto marked = co_await client.patch(resource, {}, name, kube::patch_type::merge,
                                            std::move(patch), {}, own_write());
        if (!marked) co_return base::pass(std::move(marked));
    }
    co_return base::ok();
}

// The members that KubeDB's definitions require of a version. This machine uses no images; the
// minimal definitions prune these members.
json::object version_spec(const std::string& version) {
    const json::object process{{"image", "process"}};
    return {{"version", version},
            {"deprecated", false},
            {"db", process},
            {"exporter", process},
            {"coordinator", process},
            {"initContainer", process},
            {"podSecurityPolicies", {{"databasePolicyName", "none"}}}};
}

struct installation {
    std::string version;
    std::string missing;
};

aio::task<> offer_engine(kube::client& client, const engine_kind& kind,
                         const runtime::engine& engine, aio::blocking_pool& pool, obs::log& log) {
    const auto* options = &engine;
    auto queried =
        co_await aio::run_blocking<installation>(pool, [options]() -> base::outcome<installation> {
            installation listed;
            listed.version = runtime::installed_version(*options, listed.missing);
            return listed;
        });
    if (!queried) co_return base::pass(std::move(queried));
    const auto resource = version_resource(kind);
    auto retired = co_await retire_versions(client, resource, queried->version);
    if (!retired) co_return retired;
    if (queried->version.empty()) {
        log.info("engine_not_installed", {{"engine", kind.engine}, {"missing", queried->missing}});
        co_return base::ok();
    }
    auto offered = co_await ensure(client, resource,
                                   {{"apiVersion", resource.api_version()},
                                    {"kind", resource.kind},
                                    {"metadata", our_metadata(queried->version)},
                                    {"spec", version_spec(queried->version)}});
    if (!offered && offered.error().cause == kube::status_reason::not_served) {
        log.info("kind_not_served", {{"engine", kind.engine}, {"detail", offered.error().text}});
        co_return base::ok();
    }
    if (!offered) co_return offered;
    log.info("engine_offered", {{"engine", kind.engine}, {"version", queried->version}});
    co_return base::ok();
}

}  // namespace

aio::task<> offer_catalogue(kube::client& client, std::string data_dir, aio::blocking_pool& pool,
                            obs::log& log) {
    for (const auto& kind : engine_kinds()) {
        const auto* engine = runtime::find_engine(kind.engine);
        if (engine == nullptr) continue;
        auto offered = co_await offer_engine(client, kind, *engine, pool, log);
        if (!offered) co_return base::pass(std::move(offered), kind.engine);
    }
    auto offered = co_await offer_storage(client);
    if (!offered) co_return base::pass(std::move(offered), "storage class");
    co_return co_await offer_node(client, std::move(data_dir));
}

}  // namespace controller
