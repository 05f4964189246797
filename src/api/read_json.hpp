#pragma once
// Request bodies to the domain's requests: unknown members and wrong types are faults at their JSON
// pointers (RFC 6901), all told at once. Whether the values make sense is the domain's to say.
// Pure.

#include <string_view>

#include "base/failure.hpp"
#include "domain/requests.hpp"

namespace api {

// Failures: invalid with reason "bad_request" (not JSON, too deep, not an object), invalid with
// `fields` otherwise.
base::outcome<domain::create_request> read_create(std::string_view body);
base::outcome<domain::patch_request> read_patch(std::string_view body);
base::outcome<domain::project_request> read_project(std::string_view body);

}  // namespace api
