#pragma once
// The rules of group mapping that are in use, as logins and main use them. Lives on the control
// loop.

#include <compare>
#include <set>
#include <string>
#include <string_view>

#include "aio/task.hpp"

namespace app {

// A role that a rule of an issuer gives to the members of a group: in a project, or on the
// platform.
struct group_role {
    std::string method;     // "oidc:ISSUER", which is the creator of the grants
    std::string project{};  // empty: the platform
    std::string role{};
    auto operator<=>(const group_role&) const = default;
};

// Returns the creator of the grants of an issuer.
inline std::string method_of_issuer(std::string_view issuer) {
    return "oidc:" + std::string(issuer);
}

// Returns whether groups of an issuer gave a role. No subject has the name of such a creator.
inline bool is_from_groups(std::string_view created_by) noexcept {
    return created_by.starts_with("oidc:");
}

class group_rule_register {
  public:
    group_rule_register() = default;
    group_rule_register(const group_rule_register&) = delete;
    group_rule_register& operator=(const group_rule_register&) = delete;
    virtual ~group_rule_register() = default;

    // Puts the rules of the configuration into use instead of the present ones.
    virtual void use(std::set<group_role> rules) = 0;
    // Reads the rules of the other replicas from the store, if there may be any. Errors:
    // unavailable.
    virtual aio::task<> read() = 0;
    // Returns whether a rule of this replica or of another one gives the role.
    [[nodiscard]] virtual bool is_in_use(const group_role& rule) const = 0;
    // Confirms the rules of this replica for the others, and ends the roles of removed rules. Does
    // nothing before use(). Errors: unavailable, timed_out, cancelled; the next call goes on.
    virtual aio::task<> run_once() = 0;
};

}  // namespace app
