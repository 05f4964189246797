#pragma once
// Instants as RFC 3339 text in UTC. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace base {

// Returns whole seconds, "2025-11-24T14:30:00Z".
std::string to_rfc3339(instant when);
// Returns the form of Kubernetes MicroTime, with six decimals: "2025-11-24T14:30:00.000000Z".
std::string to_rfc3339_micro(instant when);
// Parses an RFC 3339 time with an offset ("Z", "+02:00") and 0 to 9 decimals. Returns nullopt if
// the text has another form.
std::optional<instant> from_rfc3339(std::string_view text);

}  // namespace base
