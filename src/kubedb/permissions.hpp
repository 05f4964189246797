#pragma once
// The permissions that the platform needs in a cluster, for all namespaces: the rules of
// k8s/rbac.yaml as data. Pure.

#include <string>
#include <vector>

namespace kubedb {

// The verbs on one resource.
struct permission {
    std::string group;        // "" = core
    std::string resource;     // "postgreses"
    std::string subresource;  // "proxy"; empty: the resource itself
    std::vector<std::string> verbs;
    bool operator==(const permission&) const = default;
    // "kubedb.com/postgreses", "pods", "services/proxy"
    [[nodiscard]] std::string text() const;
};

// Returns the permissions in the order of k8s/rbac.yaml. Its test compares both.
std::vector<permission> needed_permissions();

}  // namespace kubedb
