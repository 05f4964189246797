#pragma once
// Rules of KubeDB's admission webhooks beyond the ranges of engines.hpp: names, versions,
// directions of scaling. engines.hpp holds the values per engine, and these functions apply them.
// Pure.

#include <vector>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/engines.hpp"
#include "domain/topology.hpp"

namespace domain {

// Returns the field errors of a new database, with pointers into the request.
std::vector<base::field_error> creation_errors(const database& wanted, const engine_rules& rules);
// Returns the field errors of a change from one topology to another.
std::vector<base::field_error> scaling_errors(const topology& before, const topology& after,
                                              const engine_rules& rules);

}  // namespace domain
