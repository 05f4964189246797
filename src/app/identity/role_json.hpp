#pragma once
// Custom roles as the JSON text that the document store keeps, and back. The format is versioned
// ("v"). Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/role_rules.hpp"

namespace app {

std::string encode(const domain::custom_role& source);
// The revision is not part of the text. Errors: corrupt (another format or an unknown permission).
base::outcome<domain::custom_role> decode_role(std::string_view text);

}  // namespace app
