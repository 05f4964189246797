#pragma once
// The signature of a JSON Web Token, in the algorithm of the key. Inside token only. Thread-safe.

#include <string>
#include <string_view>

#include "token/jwt.hpp"

namespace token {

std::string signature_of(const jwt_key& key, std::string_view text);
bool is_signature(const jwt_key& key, std::string_view text, std::string_view signature);

}  // namespace token
