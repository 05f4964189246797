#include "devcluster/apiserver/resource_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

std::vector<std::string> words_at(const json::object& object, std::string_view key) {
    std::vector<std::string> words;
    const auto* list = array_at(&object, key);
    if (list == nullptr) return words;
    for (const auto& each : *list) {
        if (each.is_string()) words.emplace_back(each.get_string());
    }
    return words;
}

// Kubernetes' order of versions: stable, beta, alpha; the higher number first.
std::tuple<int, int, int, std::string> rank(const std::string& version) {
    int major = 0;
    int minor = 0;
    char stage[8] = "";
    const int read = std::sscanf(version.c_str(), "v%d%7[a-z]%d", &major, stage, &minor);
    if (read < 1 || (read == 2)) return {3, 0, 0, version};
    const std::string_view word = stage;
    const int level = word.empty() ? 0 : word == "beta" ? 1 : word == "alpha" ? 2 : 3;
    return {level, -major, -minor, version};
}

std::vector<printer_column> columns_of(const json::object& version) {
    std::vector<printer_column> columns;
    const auto* list = array_at(&version, "additionalPrinterColumns");
    if (list == nullptr) return columns;
    for (const auto& each : *list) {
        const auto* column = each.if_object();
        if (column == nullptr) continue;
        columns.push_back(
            {text_at(*column, "name"), text_at(*column, "type"), text_at(*column, "jsonPath")});
    }
    return columns;
}

struct own_type {
    const char* group;
    const char* plural;
    const char* kind;
    bool namespaced;
    bool has_status;
    const char* short_name;
    std::vector<std::string> selectable{};
};

const std::vector<own_type>& own_types() {
    static const std::vector<own_type> list{
        {"", "namespaces", "Namespace", false, true, "ns", {"status.phase"}},
        {"", "nodes", "Node", false, true, "no", {"spec.unschedulable"}},
        {"", "pods", "Pod", true, true, "po", {"spec.nodeName", "status.phase", "status.podIP"}},
        {"", "services", "Service", true, true, "svc", {"spec.clusterIP", "spec.type"}},
        {"", "endpoints", "Endpoints", true, false, "ep"},
        {"", "secrets", "Secret", true, false, "", {"type"}},
        {"", "configmaps", "ConfigMap", true, false, "cm"},
        {"",
         "events",
         "Event",
         true,
         false,
         "ev",
         {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
          "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.fieldPath",
          "involvedObject.resourceVersion", "reason", "reportingComponent", "source", "type"}},
        {"", "serviceaccounts", "ServiceAccount", true, false, "sa"},
        {"", "persistentvolumeclaims", "PersistentVolumeClaim", true, true, "pvc"},
        {"coordination.k8s.io", "leases", "Lease", true, false, ""},
        {"discovery.k8s.io", "endpointslices", "EndpointSlice", true, false, ""},
        {"storage.k8s.io", "storageclasses", "StorageClass", false, false, "sc"},
        {"apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false,
         true, "crd"}};
    return list;
}

}  // namespace

type_table::type_table() {
    for (const auto& each : own_types()) {
        resource_type type{.group = each.group,
                           .version = "v1",
                           .storage_version = "v1",
                           .plural = each.plural,
                           .kind = each.kind,
                           .namespaced = each.namespaced,
                           .has_status = each.has_status,
                           .selectable = each.selectable};
        if (*each.short_name != '\0') type.short_names = {each.short_name};
        type.counts_generations = type.key() == "/pods" || type.key() == definitions_key;
        type.needs_revision = type.kind == "Lease" || type.key() == definitions_key;
        add(std::move(type));
    }
    sort();
}

void type_table::add(resource_type type) {
    types_.push_back(std::make_shared<const resource_type>(std::move(type)));
}

void type_table::sort() {
    std::ranges::sort(types_, {}, [](const type_pointer& type) {
        return std::tuple(type->group, rank(type->version), type->plural);
    });
}

type_pointer type_table::find(std::string_view group, std::string_view version,
                              std::string_view plural) const {
    for (const auto& each : types_) {
        if (each->plural == plural && each->group == group && each->version == version) {
            return each;
        }
    }
    return nullptr;
}

type_pointer type_table::stored(std::string_view key) const {
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return nullptr;
    type_pointer any;
    for (const auto& each : types_) {
        if (each->group != key.substr(0, slash) || each->plural != key.substr(slash + 1)) continue;
        if (each->is_stored_as_is()) return each;
        any = each;
    }
    return any;
}

std::vector<cause> type_table::check_definition(const json::object& definition) {
    std::vector<cause> causes;
    const auto require = [&](const json::object* object, const char* key, const char* path) {
        if (object == nullptr || text_at(*object, key).empty()) {
            causes.push_back({"FieldValueRequired", "Required value", path});
        }
    };
    const auto* spec = object_at(&definition, "spec");
    const auto* names = object_at(spec, "names");
    require(spec, "group", "spec.group");
    require(spec, "scope", "spec.scope");
    require(names, "plural", "spec.names.plural");
    require(names, "kind", "spec.names.kind");
    int stored = 0;
    const auto* versions = array_at(spec, "versions");
    for (std::size_t index = 0; versions != nullptr && index < versions->size(); ++index) {
        const auto* version = (*versions)[index].if_object();
        require(version, "name", "spec.versions.name");
        if (version == nullptr) continue;
        stored += flag_at(*version, "storage") ? 1 : 0;
        if (object_at(object_at(version, "schema"), "openAPIV3Schema") == nullptr) {
            causes.push_back({"FieldValueRequired", "Required value: schemas are required",
                              fmt::format("spec.versions[{}].schema.openAPIV3Schema", index)});
        }
    }
    if (stored != 1) {
        causes.push_back({"FieldValueInvalid",
                          "Invalid value: must have exactly one version marked as storage version",
                          "spec.versions"});
    }
    if (!causes.empty()) return causes;
    const auto wanted = text_at(*names, "plural") + "." + text_at(*spec, "group");
    if (meta(definition, "name") != wanted) {
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"{}\": must be spec.names.plural+\".\"+"
                                      "spec.group",
                                      meta(definition, "name")),
                          "metadata.name"});
    }
    return causes;
}

void type_table::add_definition(const json::object& definition) {
    remove_definition(definition);
    const auto& spec = *object_at(&definition, "spec");
    const auto& names = *object_at(&spec, "names");
    const auto& versions = *array_at(&spec, "versions");
    std::string stored;
    for (const auto& each : versions) {
        if (flag_at(each.get_object(), "storage")) stored = text_at(each.get_object(), "name");
    }
    for (const auto& each : versions) {
        const auto& version = each.get_object();
        if (!flag_at(version, "served")) continue;
        const auto& source = *object_at(object_at(&version, "schema"), "openAPIV3Schema");
        const auto* subresources = object_at(&version, "subresources");
        resource_type type{
            .group = text_at(spec, "group"),
            .version = text_at(version, "name"),
            .storage_version = stored,
            .plural = text_at(names, "plural"),
            .kind = text_at(names, "kind"),
            .short_names = words_at(names, "shortNames"),
            .categories = words_at(names, "categories"),
            .namespaced = text_at(spec, "scope") != "Cluster",
            .has_status = subresources != nullptr && subresources->contains("status"),
            .is_custom = true,
            .counts_generations = true,
            .needs_revision = true,
            .columns = columns_of(version),
            .rules = std::make_shared<const schema>(source),
            .raw_schema = source};
        add(std::move(type));
    }
    sort();
}

void type_table::remove_definition(const json::object& definition) {
    const auto* spec = object_at(&definition, "spec");
    const auto* names = object_at(spec, "names");
    if (names == nullptr) return;
    const auto group = text_at(*spec, "group");
    const auto plural = text_at(*names, "plural");
    std::erase_if(types_, [&](const type_pointer& each) {
        return each->is_custom && each->group == group && each->plural == plural;
    });
}

}  // namespace apiserver
