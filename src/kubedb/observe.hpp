#pragma once
// Converts KubeDB and Kubernetes objects to observations of the domain. Pure. Ignores unknown
// fields; missing fields keep the default.

#include <optional>
#include <string>
#include <vector>

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "json/json.hpp"
#include "kubedb/engine_dialect.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// Returns the part of the observation that the object of the database contains.
domain::observed_database observe_database(const engine_dialect& dialect,
                                           const json::object& object);
domain::observed_change observe_change(const json::object& request);
domain::member observe_pod(const json::object& pod);
// Names the object of an event: kind, namespace and name of involvedObject.
struct object_reference {
    std::string kind;
    std::string ns;
    std::string name;
    bool operator==(const object_reference&) const = default;
};
object_reference involved_object(const json::object& event);
domain::event observe_event(const json::object& event);
// Returns the endpoints for clients that an AppBinding contains; none if it is not valid.
std::vector<domain::endpoint> observe_endpoints(const engine_kind& kind,
                                                const json::object& binding);
// Returns the port on which the exporter is reached inside the cluster: the port named "metrics",
// or its target port if the service is headless. 0 if the service has no such port.
std::uint16_t metrics_port(const json::object& service);
ports::engine_version observe_version(const json::object& version);
// Orders versions from newest to oldest by the numbers in them ("17.9" before "16.13").
bool is_newer(const ports::engine_version& a, const ports::engine_version& b);

}  // namespace kubedb
