#pragma once
// OpsRequests of one database, one at a time and in the order in which they were made: vertical and
// horizontal scaling, volume expansion, restart.

#include <string>
#include <vector>

#include "devcluster/controller/database.hpp"

namespace controller {

// "namespace/name" of the database that a request is for.
std::string database_of_request(const json::object& request);

// Does the next step of the oldest unfinished request; true when there is one that is not finished
// and should be looked at again soon.
aio::task<bool> serve_requests(host& with, const engine_kind& kind, local_database& database,
                               json::object object, std::vector<json::object> requests);

}  // namespace controller
