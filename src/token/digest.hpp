#pragma once
// SHA-256 for secrets with enough random bits to need no slow hash, and a comparison in constant
// time. No locks after the first call of a thread. Thread-safe.

#include <array>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace token {

using sha256_digest = std::array<unsigned char, 32>;

sha256_digest sha256(std::string_view bytes);
// HMAC (RFC 2104) with SHA-256.
sha256_digest hmac_sha256(const base::secret& key, std::string_view bytes);
// Returns 64 lower-case hexadecimal characters.
std::string to_hex(const sha256_digest& digest);
// Compares in a time that depends on the sizes alone.
bool equals_secretly(std::string_view a, std::string_view b) noexcept;

}  // namespace token
