#pragma once
// Random secrets of 256 bits. Thread-safe.

#include "base/secret.hpp"

namespace token {

// Returns 32 random bytes as base64url: 43 characters.
base::secret make_random_secret();

}  // namespace token
