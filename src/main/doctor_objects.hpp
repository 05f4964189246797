#pragma once
// Reads the objects that surround the platform from the API server, and examines them.

#include <string>
#include <vector>

#include "aio/task.hpp"
#include "kube/kube_client.hpp"
#include "main/doctor_report.hpp"

namespace doctor {

// `ns` is the namespace of the platform. One pod, the case of SQLite, needs neither an autoscaler
// nor a budget. Errors: those of the client.
aio::task<> examine_objects(kube::client& client, std::string ns, bool has_replicas,
                            std::vector<finding>& findings);

}  // namespace doctor
