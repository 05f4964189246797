#pragma once
// The configuration of one issuer. Plain values; the parser is pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace oidc {

// Members of a group have a role in a project, or are administrators.
struct group_rule {
    std::string group;
    std::string project{};  // empty: administrator of the platform
    std::string role{};     // a built-in or a custom one, which need not exist
    bool operator==(const group_rule&) const = default;
};

struct issuer_options {
    std::string name;  // in routes and the log: a to z, 0 to 9, '-'
    std::string url;   // the `iss` of its tokens
    std::string client_id;
    base::secret client_secret{};  // empty: a public client
    // The `aud` of its access tokens. Empty: access tokens are not accepted. Must differ from
    // client_id, which is the audience of id tokens.
    std::string audience{};
    // Accepts access tokens of the type "JWT", for issuers without RFC 9068.
    bool accepts_untyped_tokens = false;
    std::string user_claim = "sub";
    // In front of the user's name, so that an issuer cannot name the user of another one.
    std::string user_prefix{};
    std::string groups_claim = "groups";
    std::vector<group_rule> rules{};
    std::string scope = "openid profile email";
    bool operator==(const issuer_options&) const = default;
};

// Reads {"issuers":[{"name","issuer","client_id",...}]}. The user_prefix is "NAME." unless it is
// given. Errors: invalid (fields; no message repeats a secret).
base::outcome<std::vector<issuer_options>> read_issuers(std::string_view text);

// Reads "GROUP=admin,GROUP=PROJECT:ROLE". ROLE is a built-in or a custom role. Errors: invalid.
base::outcome<std::vector<group_rule>> read_rules(std::string_view text);

}  // namespace oidc
