#pragma once
// The format of refresh tokens: "dbr_<session>_<generation>_<secret>". Each token is derived from
// the one before it and from a seed that the session record keeps. Neither a copy of the store nor
// an earlier token alone yields the next one, and the holder of both distinguishes an earlier token
// from a guess. Pure, except that make_refresh_token() reads random bytes. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "token/digest.hpp"

namespace token {

inline constexpr std::string_view refresh_token_prefix = "dbr_";

struct refresh_token {
    std::string session;
    std::int64_t generation = 0;  // 0: the first token of the session
    base::secret secret;          // 52 characters [a-z2-7]
};

// Returns the first token of a session. Precondition: `session` has characters [a-z2-7] only.
refresh_token make_refresh_token(std::string session);
// Returns the token after `previous`.
refresh_token successor_of(const refresh_token& previous, std::string_view seed);
// Returns the length of the refresh token that the text begins with, or 0.
std::size_t refresh_token_length(std::string_view text) noexcept;
// Returns nullopt if the text is no refresh token.
std::optional<refresh_token> parse_refresh_token(std::string_view text);
base::secret text_of(const refresh_token& token);
sha256_digest digest_of(const refresh_token& token);

}  // namespace token
