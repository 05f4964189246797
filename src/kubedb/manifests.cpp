#include "kubedb/manifests.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/quantity.hpp"
#include "domain/engines.hpp"
#include "kubedb/names.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;
using domain::change_kind;
using domain::topology_mode;

json::object labels_of(const domain::database& record) {
    json::object labels;
    for (const auto& [key, value] : record.labels) labels[key] = value;
    labels[label_database] = record.id;
    labels[label_managed] = "true";
    labels[label_project] = record.project;
    return labels;
}

json::object annotations_of(const domain::database& record) {
    std::string keys;
    for (const auto& [key, value] : record.labels) keys += (keys.empty() ? "" : ",") + key;
    return {{annotation_labels, keys}};
}

json::object metadata_of(const domain::database& record, const std::string& name) {
    return {{"name", name},
            {"namespace", namespace_of(record.project)},
            {"labels", labels_of(record)},
            {"annotations", annotations_of(record)}};
}

// Memory is limited to what was asked for; CPU is not: a limit there only makes a database slow.
json::object resources_of(const domain::size& size) {
    const auto cpu = base::format_millis(size.cpu_millis);
    const auto memory = base::bytes_text(size.memory_bytes);
    return {{"requests", {{"cpu", cpu}, {"memory", memory}}}, {"limits", {{"memory", memory}}}};
}

json::object volume_of(const domain::storage& storage) {
    json::object claim{
        {"accessModes", json::array{"ReadWriteOnce"}},
        {"resources", {{"requests", {{"storage", base::bytes_text(storage.bytes)}}}}}};
    if (!storage.storage_class.empty()) claim["storageClassName"] = storage.storage_class;
    return claim;
}

// MongoDB's admission refuses a claim where there is no volume (IsStorageTypeCompatibleWithSpec of
// KubeDB's validators); the other engines take the claim's size as the limit.
void add_storage(json::object& into, const engine_kind& kind, const domain::storage& storage) {
    if (storage.bytes <= 0) return;
    const bool ephemeral = storage.type == domain::storage_type::ephemeral;
    if (ephemeral && kind.style == topology_style::replica_set) {
        into["ephemeralStorage"] = json::object{{"sizeLimit", base::bytes_text(storage.bytes)}};
    } else {
        into["storage"] = volume_of(storage);
    }
}

json::object pod_template(std::string_view container, const domain::size& size) {
    return {{"spec",
             {{"containers", json::array{json::object{{"name", container},
                                                      {"resources", resources_of(size)}}}}}}};
}

const domain::engine_rules& rules_of(const engine_kind& kind) {
    static constexpr domain::engine_rules none{};
    const auto* rules = domain::find_engine(kind.engine);
    return rules == nullptr ? none : *rules;
}

void add_shards(json::object& spec, const engine_kind& kind, const domain::database& record) {
    if (kind.style == topology_style::redis) {
        spec["mode"] = "Cluster";
        spec["cluster"] = json::object{{"shards", record.topology.shards},
                                       {"replicas", record.topology.replicas}};
        return;
    }
    // MongoDB: the shards' own settings instead of those at the top.
    json::object shard{{"shards", record.topology.shards},
                       {"replicas", record.topology.replicas},
                       {"podTemplate", pod_template(kind.container, record.size)}};
    add_storage(shard, kind, record.storage);
    const auto side = [&](const domain::side_members& members) {
        return json::object{{"replicas", members.count},
                            {"podTemplate", pod_template(kind.container, members.size)}};
    };
    const auto& rules = rules_of(kind);
    auto config_server = side(rules.config_servers);
    if (record.storage.bytes > 0) {
        auto storage = record.storage;
        storage.bytes = rules.config_servers.storage_bytes;
        add_storage(config_server, kind, storage);
    }
    spec["shardTopology"] = json::object{{"shard", std::move(shard)},
                                         {"configServer", std::move(config_server)},
                                         {"mongos", side(rules.routers)}};
    spec.erase("storage");
    spec.erase("ephemeralStorage");
    spec.erase("podTemplate");
}

void add_topology(json::object& spec, const engine_kind& kind, const domain::database& record) {
    if (record.topology.mode == topology_mode::cluster) return add_shards(spec, kind, record);
    spec["replicas"] = record.topology.replicas;
    const bool several = record.topology.mode == topology_mode::replicated;
    switch (kind.style) {
        case topology_style::postgres:
            if (several) spec["standbyMode"] = "Hot";
            if (several) spec["streamingMode"] = "Asynchronous";
            break;
        case topology_style::group:
            if (several) spec["topology"] = json::object{{"mode", "GroupReplication"}};
            break;
        case topology_style::replica_set:
            if (several) spec["replicaSet"] = json::object{{"name", "rs0"}};
            break;
        case topology_style::redis: {
            spec["mode"] = several ? "Sentinel" : "Standalone";
            if (several) {
                spec["sentinelRef"] = json::object{{"name", companion_name(kind, record.name)},
                                                   {"namespace", namespace_of(record.project)}};
            }
            break;
        }
        case topology_style::galera:
        case topology_style::replicas:
            break;
    }
}

json::object horizontal_payload(const engine_kind& kind, const domain::database& record) {
    const auto& shape = record.topology;
    if (shape.mode != topology_mode::cluster) {
        json::object payload;
        payload[kind.horizontal_key] = shape.replicas;
        return payload;
    }
    if (kind.style == topology_style::redis) {
        return {{"shards", shape.shards}, {"replicas", shape.replicas}};
    }
    return {{"shard", {{"shards", shape.shards}, {"replicas", shape.replicas}}}};
}

// MongoDB names its components by topology.
std::string_view component_key(const engine_kind& kind, const domain::database& record,
                               std::string_view usual) {
    if (kind.style != topology_style::replica_set) return usual;
    switch (record.topology.mode) {
        case topology_mode::standalone:
            return "standalone";
        case topology_mode::replicated:
            return "replicaSet";
        case topology_mode::cluster:
            return "shard";
    }
    return usual;
}

}  // namespace

json::object namespace_manifest(const domain::project& project) {
    return {{"apiVersion", "v1"},
            {"kind", "Namespace"},
            {"metadata",
             {{"name", namespace_of(project.name)},
              {"labels", {{label_managed, "true"}, {label_project, project.name}}}}}};
}

json::object database_manifest(const engine_kind& kind, const domain::database& record) {
    const bool durable = record.storage.type == domain::storage_type::durable;
    json::object spec{
        {"version", record.version},
        {"podTemplate", pod_template(kind.container, record.size)},
        // Deleting a database deletes its volumes and secrets: that is what was asked.
        {"deletionPolicy", "WipeOut"}};
    if (kind.has_volumes) {
        spec["storageType"] = durable ? "Durable" : "Ephemeral";
        add_storage(spec, kind, record.storage);
    }
    // Without an exporter's settings in it: KubeDB then fills in the engine's own port.
    if (record.monitoring) spec["monitor"] = json::object{{"agent", "prometheus.io/builtin"}};
    if (record.paused && kind.can_halt) spec["halted"] = true;
    add_topology(spec, kind, record);
    return {{"apiVersion", "kubedb.com/v1"},
            {"kind", kind.kind},
            {"metadata", metadata_of(record, record.name)},
            {"spec", std::move(spec)}};
}

bool needs_companion(const engine_kind& kind, const domain::database& record) noexcept {
    return !kind.companion.kind.empty() && record.topology.mode == topology_mode::replicated;
}

std::string companion_name(const engine_kind& kind, std::string_view database) {
    return std::string(database) + std::string(kind.companion.suffix);
}

json::object companion_manifest(const engine_kind& kind, const domain::database& record) {
    const auto& sentinels = rules_of(kind).sentinels;
    const bool durable = record.storage.type == domain::storage_type::durable;
    json::object spec{{"version", record.version},
                      {"replicas", sentinels.count},
                      {"podTemplate", pod_template(kind.companion.container, sentinels.size)},
                      {"storageType", durable ? "Durable" : "Ephemeral"},
                      {"deletionPolicy", "WipeOut"}};
    if (durable) {
        spec["storage"] = volume_of(
            {.bytes = sentinels.storage_bytes, .storage_class = record.storage.storage_class});
    }
    if (record.paused) spec["halted"] = true;
    return {{"apiVersion", "kubedb.com/v1"},
            {"kind", kind.companion.kind},
            {"metadata", metadata_of(record, companion_name(kind, record.name))},
            {"spec", std::move(spec)}};
}

json::object update_patch(const engine_kind& kind, const domain::database& record,
                          const domain::labels& present) {
    auto labels = labels_of(record);
    for (const auto& [key, value] : present) {
        if (!record.labels.contains(key)) labels[key] = nullptr;
    }
    json::object patch{
        {"metadata", {{"labels", std::move(labels)}, {"annotations", annotations_of(record)}}}};
    json::object spec;
    if (kind.can_halt) spec["halted"] = record.paused;
    // A halt makes KubeDB change the policy; a resumed database gets ours back.
    if (!record.paused) spec["deletionPolicy"] = "WipeOut";
    if (!spec.empty()) patch["spec"] = std::move(spec);
    return patch;
}

std::string ops_name(const domain::database& record, change_kind change,
                     const std::string& operation_id) {
    std::string_view kind = "restart";
    if (change == change_kind::vertical_scaling) kind = "vscale";
    if (change == change_kind::horizontal_scaling) kind = "hscale";
    if (change == change_kind::volume_expansion) kind = "vexpand";
    return fmt::format("{}-{}-{}", record.name, kind,
                       operation_id.substr(operation_id.find('-') + 1));
}

std::optional<json::object> ops_manifest(const engine_kind& kind, const domain::database& record,
                                         change_kind change, const std::string& operation_id) {
    json::object spec{{"databaseRef", {{"name", record.name}}},
                      // A database that misses a member may be scaled too.
                      {"apply", "Always"}};
    switch (change) {
        case change_kind::vertical_scaling: {
            json::object payload;
            payload[component_key(kind, record, kind.vertical_key)] =
                json::object{{"resources", resources_of(record.size)}};
            spec["type"] = "VerticalScaling";
            spec["verticalScaling"] = std::move(payload);
            break;
        }
        case change_kind::horizontal_scaling:
            spec["type"] = "HorizontalScaling";
            spec["horizontalScaling"] = horizontal_payload(kind, record);
            break;
        case change_kind::volume_expansion: {
            const bool durable = record.storage.type == domain::storage_type::durable;
            if (kind.volume_key.empty() || !durable) return std::nullopt;
            json::object payload{{"mode", "Online"}};
            payload[component_key(kind, record, kind.volume_key)] =
                base::bytes_text(record.storage.bytes);
            spec["type"] = "VolumeExpansion";
            spec["volumeExpansion"] = std::move(payload);
            break;
        }
        case change_kind::restart:
            spec["type"] = "Restart";
            spec["restart"] = json::object{};
            break;
    }
    return json::object{{"apiVersion", "ops.kubedb.com/v1alpha1"},
                        {"kind", kind.ops_kind()},
                        {"metadata",
                         {{"name", ops_name(record, change, operation_id)},
                          {"namespace", namespace_of(record.project)},
                          {"labels",
                           {{label_database, record.id},
                            {label_managed, "true"},
                            {label_operation, operation_id}}}}},
                        {"spec", std::move(spec)}};
}

}  // namespace kubedb
