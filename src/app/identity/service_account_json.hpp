#pragma once
// Service accounts as the JSON text that the document store keeps, and back. The format is
// versioned ("v"). Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/service_account_rules.hpp"

namespace app {

std::string encode(const domain::service_account& source);
// The revision is not part of the text. Errors: corrupt (another format, or a missing or unknown
// member; such an account must not become active silently).
base::outcome<domain::service_account> decode_service_account(std::string_view text);

}  // namespace app
