#pragma once
// Lists the resources that the API server serves, each once, in the preferred version.

#include <string>
#include <vector>

#include "aio/task.hpp"
#include "kube/fwd.hpp"
#include "kube/resource.hpp"

namespace kube {

// Returns the resources of the named groups ("" = core). For a name with a version, such as
// "kubedb.com/v1", this version replaces the preferred one. A missing resource is not served,
// because the group list of the server decides and a 404 is a failure. Errors: those of the client,
// corrupt.
aio::task<std::vector<resource>> discover(client& client, std::vector<std::string> groups);

}  // namespace kube
