#pragma once
// Reads the shape that a request asks for: mode, shards and node groups, in the short form
// (topology, size, storage) and the long form (topology.groups). Pure.

#include <optional>
#include <string>

#include "domain/engines.hpp"
#include "domain/field_errors.hpp"
#include "domain/requests.hpp"

namespace domain {

struct shape_request {
    const std::optional<topology_request>& topology;
    const std::optional<size_request>& size;
    const std::optional<storage_request>& storage;
};

// The topology after the request; `present` is nullptr for a new database. Adds every error to
// `errors`. Fields that the request leaves out keep their present or default values.
//
// The short form and the entry of the data group in topology.groups may both be given. For a new
// database they must agree. For a present one, the form that repeats the present values yields to
// the other, so that a client may send back the document it read with a change in either form.
topology read_shape(const shape_request& wanted, const engine_rules& rules, const topology* present,
                    field_errors& errors);

}  // namespace domain
