#pragma once
// Members as the JSON text that the document store keeps, and back. The format is versioned ("v").
// Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/member_rules.hpp"

namespace app {

// Returns the id of the member's document. Neither name contains a slash.
std::string id_of_member(std::string_view project, std::string_view subject);
std::string encode(const domain::project_member& source);
// The revision is not part of the text. Errors: corrupt (another format).
base::outcome<domain::project_member> decode_member(std::string_view text);

}  // namespace app
