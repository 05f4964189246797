#include "domain/role_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/field_errors.hpp"
#include "domain/text_rules.hpp"
#include "domain/user_rules.hpp"

namespace domain {
namespace {

// The owner has every permission of projects.
bool is_grantable(permission action) {
    return permissions_of(role::owner).contains(action);
}

permission_set read_permissions(const std::optional<std::vector<std::string>>& wanted,
                                field_errors& errors) {
    permission_set result;
    if (!wanted || wanted->empty()) {
        errors.add("/permissions", "required", "must name at least one permission");
        return result;
    }
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        const auto action = find_permission((*wanted)[i]);
        const auto pointer = fmt::format("/permissions/{}", i);
        if (!action) {
            errors.add(pointer, "unknown_value",
                       "is not a permission; an example is databases.create");
        } else if (!is_grantable(*action)) {
            errors.add(pointer, "not_grantable",
                       "is not a permission of projects, so no role in a project can have it");
        } else {
            result.insert(*action);
        }
    }
    if (errors.empty() && !result.contains(permission::read_projects)) {
        errors.add("/permissions", "unreadable_project",
                   "must include projects.read, so that the members of a project see it");
    }
    return result;
}

}  // namespace

bool is_reserved_role_name(std::string_view name) noexcept {
    return find_role(name).has_value() || find_platform_role(name).has_value();
}

std::vector<permission> permissions_in(permission_set set) {
    std::vector<permission> result;
    for (std::size_t i = 0; i < permission_count; ++i) {
        const auto action = static_cast<permission>(i);
        if (set.contains(action)) result.push_back(action);
    }
    return result;
}

base::outcome<custom_role> validate(const role_request& wanted, const principal& caller,
                                    base::instant now) {
    field_errors errors(wanted.unread);
    custom_role result{.name = wanted.name.value_or(""),
                       .description = wanted.description.value_or(""),
                       .created_at = now,
                       .created_by = caller.subject,
                       .updated_at = now};
    if (!is_label_word(result.name)) {
        errors.add("/name", wanted.name ? "bad_name" : "required", label_word_message);
    } else if (is_reserved_role_name(result.name)) {
        errors.add("/name", "reserved", "is the name of a built-in role");
    }
    if (length_of(result.description) > role_description_max) {
        errors.add("/description", "out_of_range",
                   fmt::format("must have at most {} characters", role_description_max));
    }
    result.permissions = read_permissions(wanted.permissions, errors);
    if (!errors.empty()) return std::move(errors).fail();
    for (const auto action : permissions_in(result.permissions)) {
        if (credential_permits(caller, action)) continue;
        return base::fail(base::errc::denied,
                          fmt::format("permissions: the API key lacks {}; a caller defines only "
                                      "roles whose permissions it has",
                                      name(action)),
                          "exceeds_grantor");
    }
    return result;
}

}  // namespace domain
