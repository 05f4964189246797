#pragma once
// KubeDB's and Kubernetes' objects as the domain sees them. Pure; unknown and missing fields are
// passed over.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "kubedb/engine_table.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// What the database's own object says.
domain::observed_database observe_database(const engine_kind& kind,
                                           const boost::json::object& object);
domain::observed_change observe_change(const boost::json::object& ops_request);
domain::member observe_pod(const boost::json::object& pod);
// "<where>" of an event: involvedObject's kind, namespace, name.
struct event_place {
    std::string kind;
    std::string ns;
    std::string name;
};
event_place place_of(const boost::json::object& event);
domain::event observe_event(const boost::json::object& event);
// Where clients connect to, by an AppBinding.
std::vector<domain::endpoint> observe_endpoints(const boost::json::object& app_binding);
// Returns the port on which the exporter is reached inside the cluster: the port named "metrics",
// or its target port if the service is headless. 0: the service has no such port.
std::uint16_t metrics_port(const boost::json::object& service);
ports::engine_version observe_version(const boost::json::object& version);
// Newest first, by the numbers in it ("17.9" before "16.13").
bool is_newer(const ports::engine_version& a, const ports::engine_version& b);

}  // namespace kubedb
