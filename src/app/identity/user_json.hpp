#pragma once
// Users as the JSON text that the document store keeps, and back. The format is versioned ("v").
// Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/user_rules.hpp"

namespace app {

std::string encode(const domain::user& source);
// The revision is not part of the text. Errors: corrupt (another format, or a missing or unknown
// member; such a user must not gain a role silently).
base::outcome<domain::user> decode_user(std::string_view text);

}  // namespace app
