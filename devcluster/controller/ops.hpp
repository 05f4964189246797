#pragma once
// OpsRequests of one database, one at a time: vertical and horizontal scaling, volume expansion,
// restart. Where a request stands is in its own status, so that a restart of the operator goes on
// with it. The rules are request_plan's.

#include <vector>

#include "devcluster/controller/local_database.hpp"
#include "devcluster/controller/request_plan.hpp"

namespace controller {

// Does the next step of the request whose turn it is; true when there is one that should be looked
// at again soon. Failures: of the Kubernetes client.
aio::task<bool> serve_requests(host& with, const engine_kind& kind, local_database& database,
                               json::object object, std::vector<ops_request> requests);

// Requests for a database that does not exist.
aio::task<> refuse_requests(host& with, const engine_kind& kind, std::vector<ops_request> requests);

}  // namespace controller
