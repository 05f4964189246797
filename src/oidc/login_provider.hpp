#pragma once
// ports::identity_provider over OpenID issuers: authorization code with PKCE S256, and the device
// grant (RFC 8628). Lives on the loop of the issuers.

#include <memory>
#include <string>

#include "oidc/issuer_set.hpp"
#include "ports/identity_provider.hpp"
#include "ports/login_register.hpp"

namespace oidc {

struct login_options {
    std::string public_url;  // of the platform, without a slash at the end
};

// Returns the path of the callback of an issuer.
std::string callback_path_of(std::string_view issuer);

// The issuers, the register and the dependencies must outlive the provider.
std::unique_ptr<ports::identity_provider> make_login_provider(issuer::deps deps,
                                                              ports::login_register& used,
                                                              const issuer_set& issuers,
                                                              login_options options);

}  // namespace oidc
