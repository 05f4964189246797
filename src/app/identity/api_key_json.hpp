#pragma once
// API keys as the JSON text that the document store keeps, and back. The format is versioned ("v").
// Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/api_key_rules.hpp"

namespace app {

std::string encode(const domain::api_key& source);
// The revision is not part of the text. Errors: corrupt (another format, or a permission of a newer
// version; such a key must not gain or lose permissions silently).
base::outcome<domain::api_key> decode_api_key(std::string_view text);

}  // namespace app
