#pragma once
// The JSON schemas of the API's documents, by name: components/schemas of the OpenAPI document.
// Exact in both directions: what a schema of a request allows is refused only for what the domain
// knows (an engine's rules, quotas), and answers have the members of theirs and no others.
// Enumerations come from the domain.

#include <boost/json/object.hpp>

namespace api {

boost::json::object document_schemas();

}  // namespace api
