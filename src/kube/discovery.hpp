#pragma once
// Which kinds the API server serves, each once, in the version that the server prefers.

#include <string>
#include <vector>

#include "kube/kube_client.hpp"

namespace kube {

// Kinds of the named groups ("" = core). What it does not find is not served: the server's own list
// of groups says so, and a 404 on the way is a failure. Failures: those of the client; corrupt.
aio::task<std::vector<resource>> discover(client& client, std::vector<std::string> groups);

}  // namespace kube
