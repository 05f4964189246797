#include "kubedb/permissions.hpp"

#include "kubedb/engine_dialect.hpp"

namespace kubedb {

std::string permission::text() const {
    auto result = group.empty() ? resource : group + "/" + resource;
    if (!subresource.empty()) result += "/" + subresource;
    return result;
}

std::vector<permission> needed_permissions() {
    std::vector<permission> result;
    const auto add = [&](std::string group, std::string resource, std::vector<std::string> verbs,
                         std::string subresource = {}) {
        result.push_back({.group = std::move(group),
                          .resource = std::move(resource),
                          .subresource = std::move(subresource),
                          .verbs = std::move(verbs)});
    };
    for (const auto* dialect : all_dialects()) {
        const auto& kind = dialect->kind();
        add("kubedb.com", std::string(kind.plural),
            {"get", "list", "watch", "create", "patch", "delete"});
        if (!kind.dependent.plural.empty()) {
            add("kubedb.com", std::string(kind.dependent.plural),
                {"get", "create", "patch", "delete"});
        }
        add("ops.kubedb.com", kind.ops_plural(), {"list", "watch", "create", "delete"});
        add("catalog.kubedb.com", kind.version_plural(), {"list", "watch"});
    }
    add("appcatalog.appscode.com", "appbindings", {"get", "list", "watch"});
    add("", "namespaces", {"get", "create"});
    for (const auto* resource : {"pods", "services", "persistentvolumeclaims", "events", "nodes"}) {
        add("", resource, {"list", "watch"});
    }
    add("", "secrets", {"get"});
    add("", "services", {"get"}, "proxy");
    return result;
}

permission lease_permission() {
    return {.group = "coordination.k8s.io",
            .resource = "leases",
            .verbs = {"get", "list", "create", "update"}};
}

permission token_review_permission() {
    return {.group = "authentication.k8s.io",
            .resource = "tokenreviews",
            .subresource = {},
            .verbs = {"create"}};
}

}  // namespace kubedb
