#pragma once
// Parses request bodies into the domain's requests. Unknown and duplicate members and wrong types
// are listed in `unread` by JSON pointer (RFC 6901). The domain adds invalid values, so that one
// response lists all errors. Pure.

#include <string_view>

#include "app/log_level_commands.hpp"
#include "base/failure.hpp"
#include "domain/access_check.hpp"
#include "domain/api_key_rules.hpp"
#include "domain/member_rules.hpp"
#include "domain/requests.hpp"
#include "domain/role_rules.hpp"
#include "domain/service_account_rules.hpp"
#include "domain/user_rules.hpp"

namespace api {

// Errors: bad_request (not JSON, too deep, not an object).
base::outcome<domain::create_request> read_create(std::string_view body);
base::outcome<domain::patch_request> read_patch(std::string_view body);
base::outcome<domain::project_request> read_project(std::string_view body);
base::outcome<domain::api_key_request> read_api_key(std::string_view body);
base::outcome<domain::api_key_patch> read_api_key_patch(std::string_view body);
base::outcome<domain::rotation_request> read_rotation(std::string_view body);
// Reads an array of checks.
base::outcome<domain::access_checks_request> read_access_checks(std::string_view body);
// Reads an object, which is the only check of the result.
base::outcome<domain::access_checks_request> read_access_check(std::string_view body);
base::outcome<domain::role_request> read_role(std::string_view body);
base::outcome<domain::member_request> read_member(std::string_view body);
base::outcome<domain::user_request> read_user(std::string_view body);
base::outcome<domain::user_patch> read_user_patch(std::string_view body);
base::outcome<domain::service_account_request> read_service_account(std::string_view body);
base::outcome<domain::service_account_patch> read_service_account_patch(std::string_view body);
// Reads a key without a subject.
base::outcome<domain::api_key_request> read_service_account_key(std::string_view body);
base::outcome<domain::password_request> read_password(std::string_view body);
base::outcome<app::log_level_request> read_log_level(std::string_view body);

struct login_request {
    std::string username;
    base::secret password;
};
// Errors: as read_create(); invalid (a missing or unknown member).
base::outcome<login_request> read_login(std::string_view body);
// Returns the refresh token. Errors: as read_login().
base::outcome<base::secret> read_refresh(std::string_view body);

struct device_request {
    std::optional<std::string> issuer;  // nothing: the first one
    std::optional<base::secret> device_code;
};
// Errors: as read_login().
base::outcome<device_request> read_device(std::string_view body);
base::outcome<device_request> read_device_token(std::string_view body);

}  // namespace api
