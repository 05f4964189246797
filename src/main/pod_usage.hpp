#pragma once
// The CPU that the pods of databases use, from metrics.k8s.io.

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "json/json.hpp"
#include "kube/fwd.hpp"

namespace cost {

struct database_name {
    std::string project;
    std::string engine;
    std::string name;
    auto operator<=>(const database_name&) const = default;
};
using cpu_by_database = std::map<database_name, double>;  // cores

// Returns the sum of the engine's containers over the members of each database. Exporters and other
// containers are not counted, because the requests of a database do not contain them. Pods that
// belong to no database of the platform are ignored. Pure.
cpu_by_database sum_cpu(const std::vector<json::object>& pod_metrics);

// Errors: those of the client; unsupported (the cluster does not serve metrics.k8s.io).
aio::task<cpu_by_database> read_pod_cpu(kube::client& client);

}  // namespace cost
