#pragma once
// Members as the JSON text that the document store keeps, and back. The format is versioned ("v").
// Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/member_rules.hpp"

namespace app {

std::string encode(const domain::project_member& source);
// The revision is not part of the text. Errors: corrupt (another format).
base::outcome<domain::project_member> decode_member(std::string_view text);

}  // namespace app
