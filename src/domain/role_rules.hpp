#pragma once
// Custom roles: named sets of permissions that an administrator defines and the owners of projects
// grant. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

struct custom_role {
    std::string name;
    std::string description;
    permission_set permissions;
    base::instant created_at{};
    std::string created_by;  // subject
    base::instant updated_at{};
    std::int64_t revision = 0;
    bool operator==(const custom_role&) const = default;
};

// A request for a role, as the client sent it.
struct role_request {
    std::optional<std::string> name;
    std::optional<std::string> description;
    std::optional<std::vector<std::string>> permissions;
    std::vector<base::field_error> unread;
};

inline constexpr std::size_t role_description_max = 256;

// Returns whether a custom role must not have the name, because a built-in role or a platform role
// has it.
bool is_reserved_role_name(std::string_view name) noexcept;
// Returns the role without revision. Errors: invalid (fields; a reserved name, no permissions, a
// permission that is not one of projects, projects.read is missing), denied (the role would have
// permissions that the credential of the caller lacks).
base::outcome<custom_role> validate(const role_request& wanted, const principal& caller,
                                    base::instant now);
// Returns the permissions of the set, in the order of the enumeration.
std::vector<permission> permissions_in(permission_set set);

}  // namespace domain
