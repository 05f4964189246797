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

// The memory limit is the memory request. CPU has no limit: it would only make a database slow.
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

// MongoDB's admission rejects a claim of an ephemeral database (IsStorageTypeCompatibleWithSpec of
// KubeDB's validators). For the other engines KubeDB uses the size of the claim as the limit.
void add_storage(json::object& settings, const engine_kind& kind, const domain::storage& storage) {
    if (storage.bytes <= 0) return;
    const bool ephemeral = storage.type == domain::storage_type::ephemeral;
    if (ephemeral && kind.style == topology_style::replica_set) {
        settings["ephemeralStorage"] = json::object{{"sizeLimit", base::bytes_text(storage.bytes)}};
    } else {
        settings["storage"] = volume_of(storage);
    }
}

json::object pod_template(std::string_view container, const domain::size& size) {
    return {{"spec",
             {{"containers", json::array{json::object{{"name", container},
                                                      {"resources", resources_of(size)}}}}}}};
}

// Returns the group of the role; the engine's default if the record lacks the group.
domain::node_group group_of(const domain::database& record, std::string_view role) {
    auto shape = record.topology;
    const auto* rules = domain::find_engine(record.engine);
    if (rules != nullptr) domain::complete_groups(shape, *rules);
    const auto* group = shape.find(role);
    return group == nullptr ? domain::node_group{} : *group;
}

void add_shards(json::object& spec, const engine_kind& kind, const domain::database& record) {
    const auto& data = record.topology.data();
    if (kind.style == topology_style::redis) {
        spec["mode"] = "Cluster";
        spec["cluster"] =
            json::object{{"shards", record.topology.shards}, {"replicas", data.replicas}};
        return;
    }
    // MongoDB: the settings are in the shards, not at the top of the spec.
    const auto component = [&](const domain::node_group& group) {
        json::object settings{{"replicas", group.replicas},
                              {"podTemplate", pod_template(kind.container, group.size)}};
        add_storage(settings, kind, group.storage);
        return settings;
    };
    auto shard = component(data);
    shard["shards"] = record.topology.shards;
    spec["shardTopology"] = json::object{{"shard", std::move(shard)},
                                         {"configServer", component(group_of(record, "config"))},
                                         {"mongos", component(group_of(record, "router"))}};
    spec.erase("storage");
    spec.erase("ephemeralStorage");
    spec.erase("podTemplate");
}

void add_topology(json::object& spec, const engine_kind& kind, const domain::database& record) {
    if (record.topology.mode == topology_mode::cluster) return add_shards(spec, kind, record);
    spec["replicas"] = record.topology.data().replicas;
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

// MongoDB names its components by topology and group.
std::string_view component_key(const engine_kind& kind, const domain::topology& shape,
                               std::string_view role, std::string_view usual) {
    if (kind.style != topology_style::replica_set) return usual;
    if (role == "config") return "configServer";
    if (role == "router") return "mongos";
    switch (shape.mode) {
        case topology_mode::standalone:
            return "standalone";
        case topology_mode::replicated:
            return "replicaSet";
        case topology_mode::cluster:
            return "shard";
    }
    return usual;
}

// The groups that `is_changed(wanted, present)` selects. The data group if there is none: the
// change was made already, and the request repeats it.
template <class IsChanged>
std::vector<const domain::node_group*> changed_groups(const domain::topology& wanted,
                                                      const domain::topology& present,
                                                      IsChanged is_changed) {
    std::vector<const domain::node_group*> groups;
    for (const auto& group : wanted.groups) {
        const auto* other = present.find(group.role);
        if (other != nullptr && is_changed(group, *other)) groups.push_back(&group);
    }
    if (groups.empty()) groups.push_back(&wanted.data());
    return groups;
}

json::object vertical_payload(const engine_kind& kind, const domain::topology& wanted,
                              const domain::topology& present) {
    json::object payload;
    const auto is_changed = [](const auto& group, const auto& other) {
        return group.size != other.size;
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        payload[component_key(kind, wanted, group->role, kind.vertical_key)] =
            json::object{{"resources", resources_of(group->size)}};
    }
    return payload;
}

json::object horizontal_payload(const engine_kind& kind, const domain::topology& wanted,
                                const domain::topology& present) {
    json::object payload;
    if (wanted.mode != topology_mode::cluster) {
        payload[kind.horizontal_key] = wanted.data().replicas;
        return payload;
    }
    if (kind.style == topology_style::redis) {
        return {{"shards", wanted.shards}, {"replicas", wanted.data().replicas}};
    }
    const bool has_other_shards = wanted.shards != present.shards;
    const auto is_changed = [&](const auto& group, const auto& other) {
        return group.replicas != other.replicas ||
               (has_other_shards && group.role == domain::data_role);
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        json::object component{{"replicas", group->replicas}};
        if (group->role == domain::data_role) component["shards"] = wanted.shards;
        payload[component_key(kind, wanted, group->role, {})] = std::move(component);
    }
    return payload;
}

json::object volume_payload(const engine_kind& kind, const domain::topology& wanted,
                            const domain::topology& present) {
    json::object payload{{"mode", "Online"}};
    const auto is_changed = [](const auto& group, const auto& other) {
        return group.storage.bytes != other.storage.bytes;
    };
    for (const auto* group : changed_groups(wanted, present, is_changed)) {
        payload[component_key(kind, wanted, group->role, kind.volume_key)] =
            base::bytes_text(group->storage.bytes);
    }
    return payload;
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
    const auto& data = record.topology.data();
    const bool durable = data.storage.type == domain::storage_type::durable;
    json::object spec{
        {"version", record.version},
        {"podTemplate", pod_template(kind.container, data.size)},
        // Deleting a database deletes its volumes and secrets: that is what was asked.
        {"deletionPolicy", "WipeOut"}};
    if (kind.has_volumes) {
        spec["storageType"] = durable ? "Durable" : "Ephemeral";
        add_storage(spec, kind, data.storage);
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
    const auto sentinels = group_of(record, "sentinel");
    const bool durable = record.topology.data().storage.type == domain::storage_type::durable;
    json::object spec{{"version", record.version},
                      {"replicas", sentinels.replicas},
                      {"podTemplate", pod_template(kind.companion.container, sentinels.size)},
                      {"storageType", durable ? "Durable" : "Ephemeral"},
                      {"deletionPolicy", "WipeOut"}};
    if (durable) spec["storage"] = volume_of(sentinels.storage);
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
                                         const domain::topology& present, change_kind change,
                                         const std::string& operation_id) {
    json::object spec{{"databaseRef", {{"name", record.name}}},
                      // A database that misses a member may be scaled too.
                      {"apply", "Always"}};
    switch (change) {
        case change_kind::vertical_scaling:
            spec["type"] = "VerticalScaling";
            spec["verticalScaling"] = vertical_payload(kind, record.topology, present);
            break;
        case change_kind::horizontal_scaling:
            spec["type"] = "HorizontalScaling";
            spec["horizontalScaling"] = horizontal_payload(kind, record.topology, present);
            break;
        case change_kind::volume_expansion: {
            const auto type = record.topology.data().storage.type;
            const bool is_durable = type == domain::storage_type::durable;
            if (kind.volume_key.empty() || !is_durable) return std::nullopt;
            spec["type"] = "VolumeExpansion";
            spec["volumeExpansion"] = volume_payload(kind, record.topology, present);
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
