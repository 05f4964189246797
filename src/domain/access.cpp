#include "domain/access.hpp"

#include <algorithm>
#include <array>
#include <optional>

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
};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (static_cast<std::size_t>(rules[i].action) != i) return false;
    }
    return rules.size() == static_cast<std::size_t>(read_platform) + 1;
}
static_assert(is_in_order(), "one row per permission, in the order of the enumeration");

constexpr const rule& rule_of(permission action) noexcept {
    return rules[static_cast<std::size_t>(action)];
}

}  // namespace

std::string_view name(permission action) noexcept {
    return rule_of(action).name;
}

bool may(const principal& caller, permission action, std::string_view project) noexcept {
    if (caller.is_administrator) return true;
    const auto& rule = rule_of(action);
    if (rule.scope != reach::project) return rule.scope == reach::everywhere;
    const auto granted = caller.roles.find(project);
    return granted != caller.roles.end() && granted->second >= rule.min_role;
}

bool may_in_any_project(const principal& caller, permission action) noexcept {
    if (caller.is_administrator) return true;
    const auto& rule = rule_of(action);
    if (rule.scope != reach::project) return rule.scope == reach::everywhere;
    return std::ranges::any_of(
        caller.roles, [&](const auto& granted) { return granted.second >= rule.min_role; });
}

}  // namespace domain
