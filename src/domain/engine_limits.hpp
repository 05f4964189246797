#pragma once
// What KubeDB's admission refuses of one engine beyond the ranges that engines.hpp has: names,
// versions, ways of scaling. The rules are columns of the engine's row; here is what they mean.
// Pure.

#include <vector>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/engines.hpp"
#include "domain/topology.hpp"

namespace domain {

// Faults of a new database, with pointers into the request.
std::vector<base::field_error> creation_errors(const database& wanted, const engine_rules& rules);
// Faults of the way from one topology to another.
std::vector<base::field_error> scaling_errors(const topology& from, const topology& to,
                                              const engine_rules& rules);

}  // namespace domain
