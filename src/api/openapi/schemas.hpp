#pragma once
// The JSON schemas of the API's documents, by name: components/schemas of the OpenAPI document.
// Exact in both directions: what a schema of a request allows is refused only for what the domain
// knows (an engine's rules, quotas), and answers have the members of theirs and no others.
// Enumerations come from the domain.

#include <boost/json/object.hpp>
#include <string_view>

namespace api {

boost::json::object document_schemas();

// Parts of it, as JSON objects: what requests are made of, and what answers are.
std::string_view request_schemas() noexcept;
std::string_view response_schemas() noexcept;

}  // namespace api
