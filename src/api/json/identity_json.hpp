#pragma once
// Encodes API keys and principals. Pure.

#include <string>

#include "app/key_commands.hpp"
#include "base/clock.hpp"
#include "domain/api_key_rules.hpp"
#include "domain/member_rules.hpp"

namespace api {

// The state of a key depends on the time.
std::string encode(const domain::api_key& key, base::instant now);
std::string encode(const domain::principal& caller);
std::string encode(const domain::project_member& source);
// The only document that contains the text of a key.
std::string encode_created(const app::created_key& created, base::instant now);

}  // namespace api
