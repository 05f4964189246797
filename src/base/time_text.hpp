#pragma once
// Instants as text: RFC 3339 in UTC ("2025-11-24T14:30:00Z", with ".123456" where asked). Pure.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace base {

// Whole seconds, "2025-11-24T14:30:00Z".
std::string to_rfc3339(instant when);
// Always six decimals, "2025-11-24T14:30:00.000000Z": Kubernetes MicroTime.
std::string to_rfc3339_micro(instant when);
// Accepts an offset ("+02:00") and 0-9 decimals; nothing when the text is not RFC 3339.
std::optional<instant> from_rfc3339(std::string_view text);

}  // namespace base
