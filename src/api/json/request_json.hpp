#pragma once
// Request bodies to the domain's requests. Unknown and repeated members and wrong types are
// `unread` there, at their JSON pointers (RFC 6901): the domain adds what is wrong with the values,
// so that one answer tells all faults. Pure.

#include <string_view>

#include "base/failure.hpp"
#include "domain/requests.hpp"

namespace api {

// Failure: invalid with reason "bad_request" (not JSON, too deep, not an object).
base::outcome<domain::create_request> read_create(std::string_view body);
base::outcome<domain::patch_request> read_patch(std::string_view body);
base::outcome<domain::project_request> read_project(std::string_view body);

}  // namespace api
