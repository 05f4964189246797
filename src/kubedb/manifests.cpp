#include "kubedb/manifests.hpp"

#include <fmt/format.h>

#include "kubedb/names.hpp"

namespace kubedb {
namespace {

using domain::change_kind;

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

struct ops_type {
    std::string_view type;
    std::string_view field;  // of the spec, with the parameters
};
ops_type type_of(change_kind change) {
    switch (change) {
        case change_kind::vertical_scaling:
            return {.type = "VerticalScaling", .field = "verticalScaling"};
        case change_kind::horizontal_scaling:
            return {.type = "HorizontalScaling", .field = "horizontalScaling"};
        case change_kind::volume_expansion:
            return {.type = "VolumeExpansion", .field = "volumeExpansion"};
        case change_kind::restart:
            return {.type = "Restart", .field = "restart"};
    }
    return {};
}

}  // namespace

json::object namespace_manifest(const domain::project& project) {
    return {{"apiVersion", "v1"},
            {"kind", "Namespace"},
            {"metadata",
             {{"name", namespace_of(project.name)},
              {"labels", {{label_managed, "true"}, {label_project, project.name}}}}}};
}

json::object database_manifest(const engine_dialect& dialect, const domain::database& record) {
    json::object spec{
        {"version", record.version},
        // Deleting a database deletes its volumes and secrets: that is what was asked.
        {"deletionPolicy", "WipeOut"}};
    // Without an exporter's settings in it: KubeDB then fills in the engine's own port.
    if (record.monitoring) spec["monitor"] = json::object{{"agent", "prometheus.io/builtin"}};
    if (record.paused && dialect.kind().can_halt) spec["halted"] = true;
    dialect.write_topology(spec, record);
    return {{"apiVersion", database_api},
            {"kind", dialect.kind().kind},
            {"metadata", metadata_of(record, record.name)},
            {"spec", std::move(spec)}};
}

json::object dependent_manifest(const engine_dialect& dialect, const domain::database& record) {
    const auto& kind = dialect.kind();
    return {{"apiVersion", database_api},
            {"kind", kind.dependent.kind},
            {"metadata", metadata_of(record, kind.dependent_name(record.name))},
            {"spec", dialect.dependent_spec(record)}};
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

std::optional<json::object> ops_manifest(const engine_dialect& dialect,
                                         const domain::database& record,
                                         const domain::topology& present, change_kind change,
                                         const std::string& operation_id) {
    const bool is_durable = record.topology.data().storage.type == domain::storage_type::durable;
    if (change == change_kind::volume_expansion && !is_durable) return std::nullopt;
    auto payload = dialect.ops_payload(change, record.topology, present);
    if (!payload) return std::nullopt;
    const auto [type, field] = type_of(change);
    return json::object{{"apiVersion", ops_api},
                        {"kind", dialect.kind().ops_kind()},
                        {"metadata",
                         {{"name", ops_name(record, change, operation_id)},
                          {"namespace", namespace_of(record.project)},
                          {"labels",
                           {{label_database, record.id},
                            {label_managed, "true"},
                            {label_operation, operation_id}}}}},
                        {"spec",
                         {{"databaseRef", {{"name", record.name}}},
                          // A database that misses a member may be scaled too.
                          {"apply", "Always"},
                          {"type", type},
                          {field, std::move(*payload)}}}};
}

}  // namespace kubedb
