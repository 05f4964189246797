#include "devcluster/apiserver/types.hpp"

#include <algorithm>

namespace apiserver {
namespace {

std::string text_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}
json::object object_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : json::object{};
}
bool flag_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

type_table::type_table() {
    const auto own = [this](std::string group, std::string version, std::string plural,
                            std::string kind, bool namespaced, bool has_status) {
        add({.group = std::move(group),
             .version = std::move(version),
             .plural = std::move(plural),
             .kind = std::move(kind),
             .namespaced = namespaced,
             .has_status = has_status});
    };
    own("", "v1", "namespaces", "Namespace", false, true);
    own("", "v1", "nodes", "Node", false, true);
    own("", "v1", "pods", "Pod", true, true);
    own("", "v1", "services", "Service", true, true);
    own("", "v1", "endpoints", "Endpoints", true, false);
    own("", "v1", "secrets", "Secret", true, false);
    own("", "v1", "configmaps", "ConfigMap", true, false);
    own("", "v1", "events", "Event", true, false);
    own("", "v1", "serviceaccounts", "ServiceAccount", true, false);
    own("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, true);
    own("coordination.k8s.io", "v1", "leases", "Lease", true, false);
    own("storage.k8s.io", "v1", "storageclasses", "StorageClass", false, false);
    own("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
        false, true);
}

void type_table::add(resource_type made) {
    for (auto& each : types_) {
        const bool same = each->group == made.group && each->version == made.version &&
                          each->plural == made.plural;
        if (!same) continue;
        retired_.push_back(std::move(each));
        each = std::make_unique<resource_type>(std::move(made));
        return;
    }
    types_.push_back(std::make_unique<resource_type>(std::move(made)));
}

const resource_type* type_table::find(std::string_view group, std::string_view version,
                                      std::string_view plural) const {
    for (const auto& each : types_) {
        if (each->plural == plural && each->group == group && each->version == version) {
            return each.get();
        }
    }
    return nullptr;
}

void type_table::add_definition(const json::object& definition) {
    const auto spec = object_at(definition, "spec");
    const auto names = object_at(spec, "names");
    const auto* versions = spec.if_contains("versions");
    if (versions == nullptr || !versions->is_array()) return;
    for (const auto& each : versions->get_array()) {
        if (!each.is_object() || !flag_at(each.get_object(), "served")) continue;
        const auto& version = each.get_object();
        add({.group = text_at(spec, "group"),
             .version = text_at(version, "name"),
             .plural = text_at(names, "plural"),
             .kind = text_at(names, "kind"),
             .namespaced = text_at(spec, "scope") != "Cluster",
             .has_status = object_at(version, "subresources").contains("status"),
             .is_custom = true,
             .schema = object_at(object_at(version, "schema"), "openAPIV3Schema")});
    }
}

void type_table::remove_definition(std::string_view group, std::string_view plural) {
    for (auto at = types_.begin(); at != types_.end();) {
        if ((*at)->group == group && (*at)->plural == plural) {
            retired_.push_back(std::move(*at));
            at = types_.erase(at);
        } else {
            ++at;
        }
    }
}

}  // namespace apiserver
