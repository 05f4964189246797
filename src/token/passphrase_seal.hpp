#pragma once
// Encryption of a whole text with a passphrase: argon2id (64 MiB, 3 passes) derives the key from a
// random salt, and AES-256-GCM encrypts and authenticates. Takes about 100 ms. Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace token {

// Returns whether the text starts like the result of seal().
bool is_sealed(std::string_view text) noexcept;
// Errors: invalid (an empty passphrase), internal (OpenSSL or argon2 failed).
base::outcome<std::string> seal(const base::secret& passphrase, std::string_view text);
// Errors: denied (another passphrase, or the sealed text was changed), corrupt (not the result of
// seal()), invalid and internal as for seal().
base::outcome<std::string> unseal(const base::secret& passphrase, std::string_view sealed);

}  // namespace token
