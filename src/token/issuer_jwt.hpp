#pragma once
// Verifies JSON Web Tokens of other issuers: id tokens (OpenID Connect Core, 3.1.3.7) and access
// tokens (RFC 9068). Pure. Thread-safe.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "json/json.hpp"
#include "token/verification_key.hpp"

namespace token {

struct issuer_expectation {
    std::span<const verification_key> keys;
    std::string_view issuer;
    std::string_view audience;
    // The accepted types, in lower case and without "application/"; "" accepts an absent type.
    std::span<const std::string_view> types;
    base::instant now{};
    std::chrono::seconds skew{60};  // tolerated difference of the clocks
};

struct issuer_claims {
    std::string subject;
    base::instant issued_at{};
    base::instant expires_at{};
    json::object members;  // every claim
};

// Verifies a token and returns its claims. A token without `kid` needs a key set of one key.
// Errors: denied; `reason` is the first check that failed, as of verify_jwt() (token/jwt.hpp).
// "key" means that the set has no such key, so that newer keys of the issuer may verify the token.
base::outcome<issuer_claims> verify_issuer_jwt(std::string_view text,
                                               const issuer_expectation& expected);

// Returns the claims of a token; nothing if the text is no token. Nothing is verified, so the
// result must only decide which verifier reads the token.
std::optional<json::object> unverified_claims(std::string_view text);
// Returns whether `aud` of the claims is the audience or a list that contains it.
bool has_audience(const json::object& claims, std::string_view audience);

}  // namespace token
