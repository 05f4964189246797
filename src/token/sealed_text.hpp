#pragma once
// Uses of the platform key. Encrypts secrets that the store keeps, such as private keys:
// ChaCha20-Poly1305 with a key for each text, which HMAC-SHA-256 derives from the platform key and
// 32 random bytes, so that nonces cannot repeat. Signs texts with HMAC-SHA-256. Thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace token {

inline constexpr std::size_t platform_key_bytes = 32;
inline constexpr std::size_t signature_length = 8 + 1 + 64;

// Reads a platform key: 64 hexadecimal characters or base64 of 32 bytes. Errors: invalid; the text
// does not repeat the key.
base::outcome<base::secret> parse_platform_key(std::string_view text);
// Returns the hexadecimal text of a new random key.
base::secret make_platform_key();

class sealer {
  public:
    // `key` seals and opens; `previous` opens alone, while texts are sealed again. Precondition:
    // the keys have platform_key_bytes bytes.
    explicit sealer(base::secret key, base::secret previous = {});

    // Returns printable text that only open() with the same `purpose` reads, such as
    // "signing key ed-1".
    [[nodiscard]] std::string seal(const base::secret& text, std::string_view purpose) const;
    // Errors: denied (sealed with another key or for another purpose, or changed), corrupt (no
    // sealed text).
    [[nodiscard]] base::outcome<base::secret> open(std::string_view sealed,
                                                   std::string_view purpose) const;
    // Returns whether the text was sealed with another key than the present one.
    [[nodiscard]] bool needs_reseal(std::string_view sealed) const;

    // Returns signature_length printable characters that only a holder of the key can compute: an
    // id of the key, a period, and HMAC-SHA-256 of the text in hexadecimal.
    [[nodiscard]] std::string sign(std::string_view text, std::string_view purpose) const;
    // Errors: denied (signed with another key or for another purpose, or a changed text).
    [[nodiscard]] base::outcome<void> verify(std::string_view text, std::string_view signature,
                                             std::string_view purpose) const;

  private:
    struct named_key {
        std::string id;  // 8 characters of its digest
        base::secret key;
    };
    std::vector<named_key> keys_;  // the first one seals
};

}  // namespace token
