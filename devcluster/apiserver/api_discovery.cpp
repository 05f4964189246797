#include "devcluster/apiserver/api_discovery.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "devcluster/apiserver/status_response.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::string_view server_version =
    R"({"major":"1","minor":"34","gitVersion":"v1.34.0+devcluster","gitCommit":"",)"
    R"("gitTreeState":"clean","buildDate":"2025-01-01T00:00:00Z","goVersion":"none",)"
    R"("compiler":"clang","platform":"linux/amd64"})";

json::array verbs() {
    return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

json::array words(const std::vector<std::string>& list) {
    return json::array(list.begin(), list.end());
}

json::object group_version_kind(const resource_type& type) {
    return {{"group", type.group}, {"version", type.version}, {"kind", type.kind}};
}

json::object resource_entry(const resource_type& type) {
    json::object entry{{"name", type.plural},
                       {"singularName", base::lower(type.kind)},
                       {"namespaced", type.namespaced},
                       {"kind", type.kind},
                       {"verbs", verbs()}};
    if (!type.short_names.empty()) entry["shortNames"] = words(type.short_names);
    if (!type.categories.empty()) entry["categories"] = words(type.categories);
    return entry;
}

json::object aggregated_entry(const resource_type& type) {
    json::array subresources;
    if (type.has_status) {
        subresources.push_back(json::object{{"subresource", "status"},
                                            {"responseKind", group_version_kind(type)},
                                            {"verbs", {"get", "patch", "update"}}});
    }
    json::object entry{{"resource", type.plural},
                       {"responseKind", group_version_kind(type)},
                       {"scope", type.namespaced ? "Namespaced" : "Cluster"},
                       {"singularResource", base::lower(type.kind)},
                       {"verbs", verbs()}};
    if (!type.short_names.empty()) entry["shortNames"] = words(type.short_names);
    if (!type.categories.empty()) entry["categories"] = words(type.categories);
    if (!subresources.empty()) entry["subresources"] = std::move(subresources);
    return entry;
}

struct group_entry {
    std::string name;
    std::vector<std::string> versions;
};

// In the order of the table: the preferred version first.
std::vector<group_entry> groups_of(const type_table& types) {
    std::vector<group_entry> groups;
    for (const auto& type : types.all()) {
        auto it = std::ranges::find(groups, type->group, &group_entry::name);
        if (it == groups.end()) it = groups.insert(groups.end(), {type->group, {}});
        if (std::ranges::find(it->versions, type->version) == it->versions.end()) {
            it->versions.push_back(type->version);
        }
    }
    return groups;
}

// apidiscovery.k8s.io/v2
json::object aggregated(const type_table& types, bool core_group) {
    json::array items;
    for (const auto& group : groups_of(types)) {
        if (group.name.empty() != core_group) continue;
        json::array versions;
        for (const auto& version : group.versions) {
            json::array resources;
            for (const auto& type : types.all()) {
                if (type->group != group.name || type->version != version) continue;
                resources.push_back(aggregated_entry(*type));
            }
            versions.push_back(json::object{{"version", version},
                                            {"resources", std::move(resources)},
                                            {"freshness", "Current"}});
        }
        json::object metadata;
        if (!group.name.empty()) metadata["name"] = group.name;
        items.push_back(
            json::object{{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
    }
    return {{"kind", "APIGroupDiscoveryList"},
            {"apiVersion", "apidiscovery.k8s.io/v2"},
            {"metadata", json::object{}},
            {"items", std::move(items)}};
}

json::object group_object(const group_entry& group) {
    json::array versions;
    for (const auto& version : group.versions) {
        versions.push_back(
            json::object{{"groupVersion", group.name + "/" + version}, {"version", version}});
    }
    auto preferred = versions.front();
    return {{"name", group.name},
            {"versions", std::move(versions)},
            {"preferredVersion", std::move(preferred)}};
}

json::object group_list(const type_table& types) {
    json::array list;
    for (const auto& group : groups_of(types)) {
        if (!group.name.empty()) list.push_back(group_object(group));
    }
    return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(list)}};
}

std::optional<json::object> one_group(const type_table& types, std::string_view name) {
    for (const auto& group : groups_of(types)) {
        if (group.name != name || name.empty()) continue;
        auto object = group_object(group);
        object["kind"] = "APIGroup";
        object["apiVersion"] = "v1";
        return object;
    }
    return std::nullopt;
}

std::optional<json::object> resource_list(const type_table& types, std::string_view group,
                                          std::string_view version) {
    json::array resources;
    for (const auto& type : types.all()) {
        if (type->group != group || type->version != version) continue;
        resources.push_back(resource_entry(*type));
        if (!type->has_status) continue;
        auto status = resource_entry(*type);
        status["name"] = type->plural + "/status";
        status["verbs"] = json::array{"get", "patch", "update"};
        status.erase("shortNames");
        status.erase("categories");
        resources.push_back(std::move(status));
    }
    if (resources.empty()) return std::nullopt;
    return json::object{{"kind", "APIResourceList"},
                        {"apiVersion", "v1"},
                        {"groupVersion", group.empty() ? std::string(version)
                                                       : fmt::format("{}/{}", group, version)},
                        {"resources", std::move(resources)}};
}

// ---- OpenAPI v3 --------------------------------------------------------------------------

std::string root_of(const resource_type& type) {
    return type.group.empty() ? "api/" + type.version : "apis/" + type.api_version();
}

json::object openapi_index(const type_table& types) {
    json::object paths;
    for (const auto& type : types.all()) {
        const auto root = root_of(*type);
        paths[root] = json::object{{"serverRelativeURL", "/openapi/v3/" + root}};
    }
    return {{"paths", std::move(paths)}};
}

json::object operation(const resource_type& type, std::string_view action) {
    json::array parameters;
    for (const auto* name : {"dryRun", "fieldManager", "fieldValidation"}) {
        parameters.push_back(
            json::object{{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
    }
    return {{"x-kubernetes-action", action},
            {"x-kubernetes-group-version-kind", group_version_kind(type)},
            {"parameters", std::move(parameters)},
            {"responses", {{"200", {{"description", "OK"}}}}}};
}

std::optional<json::object> openapi_of(const type_table& types, std::string_view root) {
    json::object paths;
    json::object schemas;
    for (const auto& type : types.all()) {
        if (root_of(*type) != root) continue;
        const auto base = fmt::format(
            "/{}/{}{}", root, type->namespaced ? "namespaces/{namespace}/" : "", type->plural);
        paths[base] = json::object{{"post", operation(*type, "post")}};
        paths[base + "/{name}"] =
            json::object{{"patch", operation(*type, "patch")}, {"put", operation(*type, "put")}};
        auto described = type->raw_schema;
        if (described.empty()) described["type"] = "object";
        described["x-kubernetes-group-version-kind"] = json::array{group_version_kind(*type)};
        schemas[fmt::format("{}.{}.{}", type->group.empty() ? "core" : type->group, type->version,
                            type->kind)] = std::move(described);
    }
    if (paths.empty()) return std::nullopt;
    return json::object{{"openapi", "3.0.0"},
                        {"info", {{"title", "Kubernetes"}, {"version", "v1.34"}}},
                        {"paths", std::move(paths)},
                        {"components", {{"schemas", std::move(schemas)}}}};
}

http::response plain_ok() {
    return {.status = 200,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = http::body(std::string("ok"))};
}

bool is_health(const std::vector<std::string_view>& parts) {
    return parts.size() == 1 &&
           (parts[0] == "healthz" || parts[0] == "readyz" || parts[0] == "livez");
}

}  // namespace

std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        if (path.front() == '/') {
            path.remove_prefix(1);
            continue;
        }
        const auto slash = path.find('/');
        parts.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash);
    }
    return parts;
}

std::optional<http::response> discover(const type_table& types, std::string_view path,
                                       std::string_view accept) {
    const auto parts = segments(path);
    if (parts.empty()) return std::nullopt;
    if (is_health(parts)) return plain_ok();
    const auto& first = parts[0];
    if (first == "version" && parts.size() == 1) {
        return json_response(200, std::string(server_version));
    }
    std::optional<json::object> document;
    const bool is_root = parts.size() == 1 && (first == "api" || first == "apis");
    if (is_root && accept.find("APIGroupDiscoveryList") != std::string_view::npos) {
        auto answer = json_response(200, aggregated(types, first == "api"));
        answer.headers.set("Content-Type",
                           "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
        return answer;
    }
    if (is_root && first == "api") {
        document = json::object{{"kind", "APIVersions"}, {"versions", {"v1"}}};
    } else if (is_root) {
        document = group_list(types);
    } else if (parts.size() == 2 && first == "apis") {
        document = one_group(types, parts[1]);
    } else if (parts.size() == 2 && first == "api") {
        document = resource_list(types, "", parts[1]);
    } else if (parts.size() == 3 && first == "apis") {
        document = resource_list(types, parts[1], parts[2]);
    } else if (parts.size() == 2 && first == "openapi" && parts[1] == "v3") {
        document = openapi_index(types);
    } else if (parts.size() > 2 && first == "openapi" && parts[1] == "v3") {
        document = openapi_of(types, path.substr(std::string_view("/openapi/v3/").size()));
    }
    if (!document) return std::nullopt;
    return json_response(200, *document);
}

}  // namespace apiserver
