#pragma once
// Finds API keys and tokens that a client has put where other texts belong, such as a name. Such a
// text must be neither stored nor logged. Pure.

#include <string_view>

namespace app {

// Returns whether a part of the text is an API key (with its checksum) or a signed JSON Web Token.
bool contains_credential(std::string_view text) noexcept;

}  // namespace app
