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

// Returns the permission on the Leases by which several replicas divide the databases. They are in
// the namespace of the platform.
permission lease_permission();

// Returns the permission to verify tokens of service accounts, in no namespace:
// k8s/token-review.yaml.
permission token_review_permission();

}  // namespace kubedb
