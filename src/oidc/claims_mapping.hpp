#pragma once
// Maps verified claims to a user of the platform and its roles. Pure.

#include <optional>
#include <set>
#include <string>

#include "domain/access.hpp"
#include "json/json.hpp"
#include "oidc/issuer_options.hpp"

namespace oidc {

struct mapped_identity {
    std::string subject;  // a valid user name
    std::string email;    // only if the issuer has verified it
    bool is_administrator = false;
    domain::role_names roles{};  // in the order of the rules
    // The projects and the platform role that the rules decide about.
    std::set<std::string, std::less<>> managed_projects{};
    bool manages_administrators = false;
};

// Returns nothing if the claim of the user is missing. A value that cannot be a user name becomes
// a digest. Groups that are not texts are ignored.
std::optional<mapped_identity> map_claims(const json::object& claims,
                                          const issuer_options& options);

}  // namespace oidc
