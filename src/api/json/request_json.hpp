#pragma once
// Parses request bodies into the domain's requests. Unknown and duplicate members and wrong types
// are listed in `unread` by JSON pointer (RFC 6901). The domain adds invalid values, so that one
// response lists all errors. Pure.

#include <string_view>

#include "base/failure.hpp"
#include "domain/api_key_rules.hpp"
#include "domain/member_rules.hpp"
#include "domain/requests.hpp"

namespace api {

// Errors: bad_request (not JSON, too deep, not an object).
base::outcome<domain::create_request> read_create(std::string_view body);
base::outcome<domain::patch_request> read_patch(std::string_view body);
base::outcome<domain::project_request> read_project(std::string_view body);
base::outcome<domain::api_key_request> read_api_key(std::string_view body);
base::outcome<domain::member_request> read_member(std::string_view body);

}  // namespace api
