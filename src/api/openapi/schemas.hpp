#pragma once
// The JSON schemas of the API's documents by name: components/schemas of the OpenAPI document. They
// are exact. The API rejects a request that matches its schema only for a rule of the domain, such
// as an engine's rules or a quota. Responses have the members of their schema and no others.
// Enumerations come from the domain.
//
// The document avoids constructs that generators of clients do not support (./dev clients): anyOf
// other than "a schema or null", a named schema that is such an anyOf, oneOf of two objects.

#include <string_view>

#include "json/json.hpp"

namespace api {

json::object document_schemas();

// Returns a schema that refers to the schema with this name.
json::object reference(std::string_view name);

// The schemas of requests and of responses, as JSON objects.
std::string_view request_schemas() noexcept;
std::string_view response_schemas() noexcept;
// The schemas of API keys and principals, both requests and responses.
std::string_view identity_schemas() noexcept;
// The schemas of service accounts.
std::string_view account_schemas() noexcept;

}  // namespace api
