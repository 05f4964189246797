#include "domain/access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "domain/enum_names.hpp"

namespace domain {
namespace {

enum class reach : std::uint8_t { database, project, platform, everywhere };

struct rule {
    permission action;
    std::string_view name;
    reach scope;
    role min_role = role::viewer;  // of permissions in a project
};

using enum permission;

constexpr std::array rules{
    rule{read_databases, "databases.read", reach::database, role::viewer},
    rule{create_databases, "databases.create", reach::project, role::developer},
    rule{update_databases, "databases.update", reach::database, role::developer},
    rule{operate_databases, "databases.operate", reach::database, role::developer},
    rule{delete_databases, "databases.delete", reach::database, role::owner},
    rule{read_credentials, "databases.credentials", reach::database, role::developer},
    rule{read_projects, "projects.read", reach::project, role::viewer},
    rule{update_projects, "projects.update", reach::project, role::owner},
    rule{create_projects, "projects.create", reach::platform},
    rule{delete_projects, "projects.delete", reach::platform},
    rule{read_engines, "engines.read", reach::everywhere},
    rule{read_platform, "platform.read", reach::platform},
    rule{read_keys, "keys.read", reach::everywhere},
    rule{create_keys, "keys.create", reach::everywhere},
    rule{revoke_keys, "keys.revoke", reach::everywhere},
    rule{update_keys, "keys.update", reach::everywhere},
    rule{read_members, "members.read", reach::project, role::viewer},
    rule{update_members, "members.update", reach::project, role::owner},
    rule{read_users, "users.read", reach::everywhere},
    rule{create_users, "users.create", reach::platform},
    rule{update_users, "users.update", reach::everywhere},
    rule{delete_users, "users.delete", reach::platform},
    rule{read_roles, "roles.read", reach::everywhere},
    rule{update_roles, "roles.update", reach::platform},
    rule{review_access, "access.review", reach::platform},
    rule{read_audit, "audit.read", reach::platform},
    rule{update_platform, "platform.update", reach::platform},
    rule{read_service_accounts, "service_accounts.read", reach::project, role::viewer},
    rule{update_service_accounts, "service_accounts.update", reach::project, role::owner},
    rule{create_databases_from_preset, "databases.create_from_preset", reach::project,
         role::developer},
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

// A limit to projects or databases must apply to both permissions alike.
constexpr bool have_wider_permissions_the_same_reach() {
    return std::ranges::all_of(rules, [](const rule& row) {
        return rule_of(wider_permission(row.action)).scope == row.scope;
    });
}
static_assert(have_wider_permissions_the_same_reach());

constexpr bool is_in_project(reach scope) noexcept {
    return scope == reach::project || scope == reach::database;
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
    return value_of<role>(all_roles(), name);
}

std::optional<permission> find_permission(std::string_view name) noexcept {
    const auto* const row = std::ranges::find(rules, name, &rule::name);
    return row == rules.end() ? std::nullopt : std::optional(row->action);
}

bool credential_limits::include(const credential_limits& inner) const noexcept {
    const auto covers = [](const auto& outer_set, const auto& inner_set) {
        return !outer_set || (inner_set && std::ranges::includes(*outer_set, *inner_set));
    };
    const auto contains = [&](const base::ip_network& network) {
        return std::ranges::any_of(*networks, [&](const base::ip_network& outer) {
            return outer.prefix <= network.prefix && outer.contains(network.address);
        });
    };
    const auto allows = [&](permission action) { return allow_permission(action); };
    const bool covers_permissions =
        !permissions || (inner.permissions && std::ranges::all_of(*inner.permissions, allows));
    return covers_permissions && covers(projects, inner.projects) &&
           covers(databases, inner.databases) &&
           (!networks || (inner.networks && std::ranges::all_of(*inner.networks, contains)));
}

bool credential_limits::allow_address(std::string_view address) const {
    if (!networks) return true;
    const auto client = base::parse_ip_address(address);
    return client && std::ranges::any_of(*networks, [&](const base::ip_network& network) {
               return network.contains(*client);
           });
}

bool credential_permits(const principal& caller, permission action) noexcept {
    return caller.limits.allow_permission(action);
}

permission_set permissions_of(role value) noexcept {
    static constexpr auto sets = [] {
        std::array<permission_set, 3> result;
        for (const auto& row : rules) {
            if (!is_in_project(row.scope)) continue;
            for (auto i = static_cast<std::size_t>(row.min_role); i < result.size(); ++i) {
                result[i].insert(row.action);
            }
        }
        return result;
    }();
    return sets[static_cast<std::size_t>(value)];
}

permission_set auditor_permissions() noexcept {
    return {read_databases, read_projects, read_members,
            read_platform,  read_audit,    read_service_accounts};
}

std::string_view name(deciding_rule value) noexcept {
    static constexpr std::array<std::string_view, 10> names{
        "every_caller", "administrator", "auditor",  "role",    "key_permissions",
        "key_projects", "key_databases", "platform", "no_role", "insufficient_role"};
    return names[static_cast<std::size_t>(value)];
}

namespace {

// `needs_database`: false ignores the limit to databases for permissions on databases.
access_decision decide(const principal& caller, permission action, const resource& target,
                       bool needs_database) noexcept {
    const auto granted = caller.roles.find(target.project);
    const bool has_role = granted != caller.roles.end();
    const auto decision = [&](bool is_allowed, deciding_rule because) {
        return access_decision{.is_allowed = is_allowed,
                               .action = action,
                               .because = because,
                               .role = has_role ? std::string_view(granted->second.name) : "",
                               .granted = action};
    };
    const auto scope = rule_of(action).scope;
    if (!credential_permits(caller, action)) return decision(false, deciding_rule::key_permissions);
    if (scope == reach::everywhere) {
        // These change more of the subject than the objects in the limits.
        const bool is_of_subject = action == revoke_keys || action == update_users;
        if (is_of_subject && caller.limits.projects) {
            return decision(false, deciding_rule::key_projects);
        }
        if (is_of_subject && caller.limits.databases) {
            return decision(false, deciding_rule::key_databases);
        }
        return decision(true, deciding_rule::every_caller);
    }
    const bool is_in_limits = scope == reach::platform
                                  ? !caller.limits.projects
                                  : caller.limits.allow_project(target.project);
    if (!is_in_limits) return decision(false, deciding_rule::key_projects);
    const auto& databases = caller.limits.databases;
    const bool is_of_database = scope == reach::database &&
                                (!needs_database || caller.limits.allow_database(target.database));
    if (databases && !is_of_database) return decision(false, deciding_rule::key_databases);
    if (caller.is_administrator) return decision(true, deciding_rule::administrator);
    if (caller.is_auditor && auditor_permissions().contains(action)) {
        return decision(true, deciding_rule::auditor);
    }
    if (scope == reach::platform) return decision(false, deciding_rule::platform);
    if (!has_role) return decision(false, deciding_rule::no_role);
    const auto& permissions = granted->second.permissions;
    if (!permissions.grants(action)) return decision(false, deciding_rule::insufficient_role);
    auto allowed = decision(true, deciding_rule::role);
    if (!permissions.contains(action)) allowed.granted = wider_permission(action);
    return allowed;
}

}  // namespace

access_decision permits(const principal& caller, permission action,
                        const resource& target) noexcept {
    return decide(caller, action, target, true);
}

std::string explain(const access_decision& source, const resource& target) {
    const auto action = name(source.action);
    const auto place =
        target.project.empty() ? std::string() : fmt::format(" in project {}", target.project);
    const auto min_role = name(rule_of(source.action).min_role);
    switch (source.because) {
        case deciding_rule::every_caller:
            return fmt::format("every caller has the permission {}", action);
        case deciding_rule::administrator:
            return fmt::format("an administrator has the permission {}", action);
        case deciding_rule::auditor:
            return fmt::format("an auditor has the permission {}", action);
        case deciding_rule::role:
            return fmt::format(
                "the role {}{} has the permission {}{}", source.role, place, name(source.granted),
                source.granted == source.action ? std::string()
                                                : fmt::format(", which includes {}", action));
        case deciding_rule::key_permissions:
            return fmt::format(
                "the API key lacks the permission {}; its subject can create a key that has it",
                action);
        case deciding_rule::key_projects:
            return fmt::format(
                "the API key lacks the permission {}{}; its subject can create a key for the "
                "project, or one without projects",
                action, place);
        case deciding_rule::key_databases:
            return fmt::format(
                "the API key has the permission {} on its databases alone; its subject can create "
                "a key for the object, or one without databases",
                action);
        case deciding_rule::platform:
            return fmt::format(
                "the caller lacks the permission {}; an administrator can make the caller an "
                "administrator",
                action);
        case deciding_rule::no_role:
            return fmt::format(
                "the caller lacks the permission {}{}; an owner of the project can grant the role "
                "{}",
                action, place, min_role);
        case deciding_rule::insufficient_role:
            break;
    }
    return fmt::format(
        "the caller lacks the permission {}{}, where its role is {}; an owner of the project can "
        "grant the role {}",
        action, place, source.role, min_role);
}

bool may(const principal& caller, permission action, std::string_view project) noexcept {
    return permits(caller, action, {.project = project}).is_allowed;
}

bool may_in_any_project(const principal& caller, permission action) noexcept {
    const auto may_in = [&](std::string_view project) {
        return decide(caller, action, {.project = project}, false).is_allowed;
    };
    const bool has_every_role = caller.is_administrator || caller.is_auditor;
    if (has_every_role || !is_in_project(rule_of(action).scope)) {
        const auto& projects = caller.limits.projects;
        if (may_in(projects && !projects->empty() ? *projects->begin() : "")) return true;
    }
    return std::ranges::any_of(caller.roles,
                               [&](const auto& granted) { return may_in(granted.first); });
}

std::vector<permission> lacking_permissions(const principal& caller, permission_set wanted,
                                            std::string_view project) {
    std::vector<permission> result;
    for (const auto& row : rules) {
        if (wanted.contains(row.action) && !may(caller, row.action, project)) {
            result.push_back(row.action);
        }
    }
    return result;
}

}  // namespace domain
