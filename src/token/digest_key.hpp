#pragma once
// Keyed digests: the store holds HMAC-SHA-256(server key, SHA-256(secret)), so that a copy of the
// store without the server key neither confirms a guessed secret nor lets a writer plant one.
// Immutable; thread-safe, without locks after the first call of a thread.

#include <memory>

#include "base/secret.hpp"
#include "token/digest.hpp"

namespace token {

class digest_key {
  public:
    // Precondition: the key has at most 64 bytes.
    explicit digest_key(const base::secret& key);

    // Returns HMAC-SHA-256 (RFC 2104) of the digest. Costs two SHA-256 of 96 bytes.
    [[nodiscard]] sha256_digest sign(const sha256_digest& digest) const;

  private:
    base::secret inner_;  // blocks of 64 bytes
    base::secret outer_;
};

// The digest of a secret as the store has it.
struct stored_digest {
    sha256_digest value{};
    std::shared_ptr<const digest_key> key{};  // null: the value is the SHA-256 itself
};

// Returns whether `digest`, the SHA-256 of a secret, belongs to the stored one. The time does not
// depend on where they differ.
bool matches(const sha256_digest& digest, const stored_digest& stored);

}  // namespace token
