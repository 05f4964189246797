#include "domain/access.hpp"

#include <algorithm>
#include <array>

namespace domain {
namespace {

enum class reach : std::uint8_t { project, platform, everywhere };

struct rule {
    permission action;
    std::string_view name;
    reach scope;
    role min_role = role::viewer;  // of permissions in a project
};

using enum permission;

constexpr std::array rules{
    rule{read_databases, "databases.read", reach::project, role::viewer},
    rule{create_databases, "databases.create", reach::project, role::developer},
    rule{update_databases, "databases.update", reach::project, role::developer},
    rule{operate_databases, "databases.operate", reach::project, role::developer},
    rule{delete_databases, "databases.delete", reach::project, role::owner},
    rule{read_credentials, "databases.credentials", reach::project, role::developer},
    rule{read_projects, "projects.read", reach::project, role::viewer},
    rule{update_projects, "projects.update", reach::project, role::owner},
    rule{create_projects, "projects.create", reach::platform},
    rule{delete_projects, "projects.delete", reach::platform},
    rule{read_engines, "engines.read", reach::everywhere},
    rule{read_platform, "platform.read", reach::platform},
    rule{read_keys, "keys.read", reach::everywhere},
    rule{create_keys, "keys.create", reach::everywhere},
    rule{revoke_keys, "keys.revoke", reach::everywhere},
    rule{read_members, "members.read", reach::project, role::viewer},
    rule{update_members, "members.update", reach::project, role::owner},
};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (static_cast<std::size_t>(rules[i].action) != i) return false;
    }
    return rules.size() == permission_count;
}
static_assert(is_in_order(), "one row per permission, in the order of the enumeration");

constexpr const rule& rule_of(permission action) noexcept {
    return rules[static_cast<std::size_t>(action)];
}

}  // namespace

std::string_view name(permission action) noexcept {
    return rule_of(action).name;
}

std::span<const std::string_view> all_permissions() noexcept {
    static constexpr auto names = [] {
        std::array<std::string_view, rules.size()> result;
        std::ranges::transform(rules, result.begin(), &rule::name);
        return result;
    }();
    return names;
}

std::span<const std::string_view> all_roles() noexcept {
    static constexpr std::array<std::string_view, 3> names{"viewer", "developer", "owner"};
    return names;
}

std::string_view name(role value) noexcept {
    return all_roles()[static_cast<std::size_t>(value)];
}

std::optional<role> find_role(std::string_view name) noexcept {
    const auto names = all_roles();
    const auto entry = std::ranges::find(names, name);
    if (entry == names.end()) return std::nullopt;
    return static_cast<role>(entry - names.begin());
}

std::optional<permission> find_permission(std::string_view name) noexcept {
    const auto* const row = std::ranges::find(rules, name, &rule::name);
    return row == rules.end() ? std::nullopt : std::optional(row->action);
}

bool credential_limits::include(const credential_limits& inner) const noexcept {
    const auto covers = [](const auto& outer_set, const auto& inner_set) {
        return !outer_set || (inner_set && std::ranges::includes(*outer_set, *inner_set));
    };
    return covers(permissions, inner.permissions) && covers(projects, inner.projects);
}

bool credential_permits(const principal& caller, permission action) noexcept {
    const auto& permissions = caller.limits.permissions;
    return !permissions || permissions->contains(action);
}

bool may(const principal& caller, permission action, std::string_view project) noexcept {
    if (!credential_permits(caller, action)) return false;
    switch (rule_of(action).scope) {
        case reach::everywhere:
            return true;
        case reach::platform:
            return caller.is_administrator && !caller.limits.projects;
        case reach::project:
            break;
    }
    if (!caller.limits.allow_project(project)) return false;
    if (caller.is_administrator) return true;
    const auto granted = caller.roles.find(project);
    return granted != caller.roles.end() && granted->second >= rule_of(action).min_role;
}

bool may_in_any_project(const principal& caller, permission action) noexcept {
    if (caller.is_administrator || rule_of(action).scope != reach::project) {
        const auto& projects = caller.limits.projects;
        return may(caller, action, projects && !projects->empty() ? *projects->begin() : "");
    }
    return std::ranges::any_of(
        caller.roles, [&](const auto& granted) { return may(caller, action, granted.first); });
}

}  // namespace domain
