#pragma once
// The format of API keys: "dbk_<id>_<secret><checksum>" in the alphabet [a-z2-7]. The id names the
// key and is public. The secret has 160 random bits, so it needs no slow hash and no salt:
// digest_key.hpp. The checksum rejects typing errors without a lookup, and lets scanners find
// leaked keys. Pure, except that make_api_key() reads random bytes. Thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "token/digest.hpp"

namespace token {

inline constexpr std::string_view api_key_prefix = "dbk_";
inline constexpr std::size_t api_key_id_length = 12;
inline constexpr std::size_t api_key_secret_length = 32;
inline constexpr std::size_t api_key_checksum_length = 6;
inline constexpr std::size_t api_key_length =
    api_key_prefix.size() + api_key_id_length + 1 + api_key_secret_length + api_key_checksum_length;

struct new_api_key {
    std::string id;
    base::secret text;  // shown once; never stored
    sha256_digest digest{};
    std::string last_four;  // of the text
};

// Returns a key with a new id, or with another secret for the key `present_id`.
new_api_key make_api_key(std::string_view present_id = {});

// Returns the id in a key; it refers to `text`. Returns nullopt if the text is not a key: another
// length, prefix, alphabet, or a wrong checksum.
std::optional<std::string_view> id_of_api_key(std::string_view text) noexcept;

// Returns the digest of the whole text of a key.
sha256_digest digest_of_api_key(std::string_view text);

}  // namespace token
