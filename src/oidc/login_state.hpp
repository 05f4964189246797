#pragma once
// The values of one login in the authorization code flow. All of them come from a random secret in
// the browser's cookie, so that every replica can finish a login and no replica keeps state. Pure.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace oidc {

struct login_state {
    std::string state;
    std::string nonce;
    base::secret verifier;  // of PKCE (RFC 7636)
};

inline constexpr std::chrono::minutes login_lifetime{10};

// Returns a random secret with the time.
base::secret make_pre_login(base::instant now);
// Returns the values of a login at one issuer. Nothing if the secret has another form, has expired
// or comes from the future.
std::optional<login_state> derive_login(const base::secret& pre_login, std::string_view issuer,
                                        base::instant now);
// Returns the S256 challenge of a verifier.
std::string challenge_of(const base::secret& verifier);

}  // namespace oidc
