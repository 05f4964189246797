#pragma once
// Finds API keys and tokens that a client has put where other texts belong, such as a name. Such a
// text must be neither stored nor logged. Pure.

#include <string_view>

namespace app {

// Returns whether a part of the text is an API key (with its checksum), a signed JSON Web Token or
// a refresh token.
bool contains_credential(std::string_view text) noexcept;
// Returns whether the whole text is a refresh token.
bool is_refresh_token(std::string_view text) noexcept;

}  // namespace app
