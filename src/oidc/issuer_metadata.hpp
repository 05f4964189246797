#pragma once
// The discovery document of an issuer (OpenID Connect Discovery 1.0). Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace oidc {

struct issuer_metadata {
    std::string authorization_endpoint;
    std::string token_endpoint;
    std::string device_endpoint;  // empty: no device grant
    std::string keys_url;
    bool sends_issuer = false;  // `iss` in the response to an authorization request (RFC 9207)
};

// Reads the document of the issuer `url`. Errors: corrupt (no document, another issuer, an endpoint
// that is missing or not safe), unsupported (PKCE without S256).
base::outcome<issuer_metadata> read_metadata(std::string_view text, std::string_view url);

// Returns the URL of the document.
std::string metadata_url_of(std::string_view url);

}  // namespace oidc
