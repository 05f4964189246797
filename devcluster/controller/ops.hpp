#pragma once
// Executes the OpsRequests of a database, one at a time: vertical and horizontal scaling, volume
// expansion, restart. The progress is stored in the request's status, so that a restarted operator
// continues. request_plan holds the rules.

#include <vector>

#include "devcluster/controller/local_database.hpp"
#include "devcluster/controller/request_plan.hpp"

namespace controller {

// Takes the next step of the next request. Returns true if a request is in progress and the caller
// should call again soon. Errors: the Kubernetes client's.
aio::task<bool> serve_requests(operator_deps& deps, const engine_kind& kind,
                               local_database& database, json::object object,
                               std::vector<ops_request> requests);

// Fails requests for a database that does not exist.
aio::task<> reject_requests(operator_deps& deps, const engine_kind& kind,
                            std::vector<ops_request> requests);

}  // namespace controller
