#pragma once
// Encodes API keys and principals. Pure.

#include <map>
#include <string>
#include <vector>

#include "app/key_commands.hpp"
#include "app/session_commands.hpp"
#include "base/clock.hpp"
#include "domain/api_key_rules.hpp"
#include "domain/member_rules.hpp"
#include "domain/role_rules.hpp"
#include "domain/service_account_rules.hpp"
#include "domain/user_rules.hpp"
#include "ports/identity_provider.hpp"

namespace api {

// The state of a key depends on the time. `last_use` may be null.
std::string encode(const domain::api_key& key, const domain::api_key_use* last_use,
                   base::instant now);
std::string encode(const domain::principal& caller);
std::string encode(const domain::project_member& source);
std::string encode(const domain::user& source);
// `roles`: of the account, by project.
std::string encode(const domain::service_account& source,
                   const std::map<std::string, std::string>& roles);
std::string encode(const app::issued_tokens& tokens);
// Without the tokens.
std::string encode_browser_session(const app::issued_tokens& tokens);
std::string encode_methods(bool is_auth_required, const std::vector<std::string>& issuers);
std::string encode(const ports::device_start& begun, std::string_view issuer);
// A built-in role has no creator and no times.
std::string encode(const domain::custom_role& source, bool is_built_in);
// The only document that contains the text of a key.
std::string encode_created(const app::created_key& created, base::instant now);

}  // namespace api
