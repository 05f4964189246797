#pragma once
// Access control: which principal may do what in which project. Every decision is made here, so
// that the API, its streams and its tests agree. Pure.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_network.hpp"

namespace domain {

enum class permission : std::uint8_t {
    read_databases,  // includes status, events, metrics, history and operations
    create_databases,
    update_databases,
    operate_databases,  // recreate
    delete_databases,
    read_credentials,
    read_projects,
    update_projects,
    create_projects,
    delete_projects,
    read_engines,
    read_platform,  // the platform's own metrics
    read_keys,      // API keys of the same subject; an administrator's and an auditor's are all
    create_keys,
    revoke_keys,
    update_keys,  // changes the limits of keys of the same subject
    read_members,
    update_members,  // grants and revokes roles that have no more permissions than the caller
    read_users,      // the user of the same subject; an administrator's are all
    create_users,
    update_users,  // e-mail address, password and sessions; an administrator also role and state
    delete_users,
    read_roles,
    update_roles,     // defines, changes and deletes custom roles
    review_access,    // who may do something
    read_audit,       // the audit log of the platform
    update_platform,  // the log levels of the platform
    read_service_accounts,
    update_service_accounts,       // creates, changes and deletes accounts and their API keys
    create_databases_from_preset,  // check_creation() in preset_rules.hpp
};
inline constexpr std::size_t permission_count =
    std::size_t(permission::create_databases_from_preset) + 1;
// "databases.read", "databases.credentials", ...
std::string_view name(permission action) noexcept;
std::optional<permission> find_permission(std::string_view name) noexcept;
// Returns every name, in the order of the enumeration.
std::span<const std::string_view> all_permissions() noexcept;
// Returns the permission that includes the action: who has it, has the action too. Returns the
// action itself if no other permission includes it.
constexpr permission wider_permission(permission action) noexcept {
    return action == permission::create_databases_from_preset ? permission::create_databases
                                                              : action;
}

// A set of permissions.
class permission_set {
  public:
    constexpr permission_set() noexcept = default;
    constexpr permission_set(std::initializer_list<permission> actions) noexcept {
        for (const auto action : actions) insert(action);
    }
    constexpr void insert(permission action) noexcept { bits_ |= bit_of(action); }
    constexpr void insert(permission_set more) noexcept { bits_ |= more.bits_; }
    // Returns whether the set names the permission. Decisions ask grants().
    [[nodiscard]] constexpr bool contains(permission action) const noexcept {
        return (bits_ & bit_of(action)) != 0;
    }
    // Returns whether the set has the permission, or one that includes it.
    [[nodiscard]] constexpr bool grants(permission action) const noexcept {
        return contains(action) || contains(wider_permission(action));
    }
    // Returns whether this set grants every permission of `inner`.
    [[nodiscard]] constexpr bool include(permission_set inner) const noexcept {
        for (std::size_t i = 0; i < permission_count; ++i) {
            const auto action = static_cast<permission>(i);
            if (inner.contains(action) && !grants(action)) return false;
        }
        return true;
    }
    bool operator==(const permission_set&) const = default;

  private:
    static constexpr std::uint64_t bit_of(permission action) noexcept {
        return std::uint64_t{1} << static_cast<unsigned>(action);
    }
    std::uint64_t bits_ = 0;
};
static_assert(permission_count <= 64);

// Roles in a project. Each role includes the permissions of the roles before it.
enum class role : std::uint8_t {
    viewer,     // reads everything except credentials
    developer,  // reads credentials, creates, updates and operates databases
    owner,      // deletes databases, updates the project and its members
};
std::string_view name(role value) noexcept;
std::optional<role> find_role(std::string_view name) noexcept;
// Returns every name, in the order of the enumeration.
std::span<const std::string_view> all_roles() noexcept;

permission_set permissions_of(role value) noexcept;
// Returns the permissions of the platform role auditor, in every project.
permission_set auditor_permissions() noexcept;

// The role of a principal in one project: a built-in role or a custom one.
struct granted_role {
    std::string name;
    permission_set permissions;

    granted_role() = default;
    granted_role(std::string role_name, permission_set granted)
        : name(std::move(role_name)), permissions(granted) {}
    // Implicit, because a built-in role has its permissions.
    granted_role(role value)  // NOLINT(google-explicit-constructor)
        : name(domain::name(value)), permissions(permissions_of(value)) {}
    bool operator==(const granted_role&) const = default;
};
using role_map = std::map<std::string, granted_role, std::less<>>;  // by project
// Names of built-in and custom roles by project, each once.
using role_names = std::map<std::string, std::vector<std::string>, std::less<>>;

// Narrows the permissions of a principal to those of one credential. It never adds any.
struct credential_limits {
    std::optional<std::set<permission>> permissions{};  // nothing: no limit
    std::optional<std::set<std::string, std::less<>>> projects{};
    // Ids. A credential with this limit has permissions on these databases, none on projects or
    // the platform.
    std::optional<std::set<std::string, std::less<>>> databases{};
    // The addresses of the clients that may use the credential. Checked by the authenticator.
    std::optional<std::vector<base::ip_network>> networks{};

    // Returns whether everything that `inner` allows is also in these limits.
    [[nodiscard]] bool include(const credential_limits& inner) const noexcept;
    // Returns whether the limits name the permission, or one that includes it.
    [[nodiscard]] bool allow_permission(permission action) const noexcept {
        return !permissions || permissions->contains(action) ||
               permissions->contains(wider_permission(action));
    }
    [[nodiscard]] bool allow_database(std::string_view id) const noexcept {
        return !databases || databases->contains(id);
    }
    // Returns whether one of the networks contains the address. A text that is no address is in
    // none.
    [[nodiscard]] bool allow_address(std::string_view address) const;
    [[nodiscard]] bool allow_project(std::string_view project) const noexcept {
        return !projects || projects->contains(project);
    }
    bool operator==(const credential_limits&) const = default;
};

// An authenticated caller.
struct principal {
    std::string subject;            // unique; appears in logs and as `requested_by`
    bool is_administrator = false;  // has every permission in every project
    role_map roles{};
    std::string credential{};  // "key:ID"; empty if the caller sent none
    credential_limits limits{};
    bool is_auditor = false;  // has auditor_permissions() in every project

    // Returns whether no check can fail.
    [[nodiscard]] bool is_unlimited() const noexcept { return is_administrator && is_everywhere(); }
    // Returns whether the limits of the credential name no permissions, projects or databases.
    [[nodiscard]] bool is_everywhere() const noexcept {
        return !limits.permissions && !limits.projects && !limits.databases;
    }
    // Returns whether the principal reads the keys and users of every subject.
    [[nodiscard]] bool reads_every_subject() const noexcept {
        return (is_administrator || is_auditor) && is_everywhere();
    }
};

// Returns whether the credential permits the action somewhere. A false result does not depend on
// the object, so a response may name the permission.
bool credential_permits(const principal& caller, permission action) noexcept;
// The object of a decision. No project: the platform, or an object of a subject.
struct resource {
    std::string_view project{};
    std::string_view database{};  // id; empty: no database
};

// The rule that decided. The first four allow, the others deny.
enum class deciding_rule : std::uint8_t {
    every_caller,       // every principal has the permission
    administrator,      // the principal is an administrator
    auditor,            // the principal is an auditor
    role,               // the role in the project has the permission
    key_permissions,    // the API key lacks the permission
    key_projects,       // the API key is not for the project
    key_databases,      // the API key is not for the database
    platform,           // only administrators have the permission
    no_role,            // the principal has no role in the project
    insufficient_role,  // the role in the project lacks the permission
};
// "every_caller", "administrator", ...
std::string_view name(deciding_rule value) noexcept;

struct access_decision {
    bool is_allowed = false;
    permission action{};  // missing if denied
    deciding_rule because{};
    std::string_view role{};  // name of the role in the project, in the principal; may be empty
    // The permission of the role, if the role decided: `action`, or one that includes it.
    permission granted{};

    explicit operator bool() const noexcept { return is_allowed; }
};
// Decides whether a principal has a permission on a resource. The only such function: every other
// one calls it. Permissions on the platform, such as create_projects and create_users, are in no
// project: only administrators whose credential is not limited to projects have them. Every
// principal has read_engines and the permissions on its own keys and its own user.
access_decision permits(const principal& caller, permission action,
                        const resource& target) noexcept;
// Returns a sentence for people: the decision, the rule, and, if it denies, who can grant the
// permission.
std::string explain(const access_decision& source, const resource& target);

// Returns whether permits() allows the action in the project.
bool may(const principal& caller, permission action, std::string_view project) noexcept;
// Returns whether the principal has the permission in at least one project, or on at least one of
// the databases to which its credential is limited.
bool may_in_any_project(const principal& caller, permission action) noexcept;
// Returns the permissions of the role that the principal lacks in the project. A principal must not
// grant or revoke a role that has any.
std::vector<permission> lacking_permissions(const principal& caller, permission_set wanted,
                                            std::string_view project);

// The projects in which a principal has a permission, without the limits of its credential on
// permissions. A value that shares the principal, so that it may outlive a request.
class visible_projects {
  public:
    static visible_projects all() { return {}; }
    explicit visible_projects(std::shared_ptr<const principal> caller,
                              permission action = permission::read_databases)
        : action_(action),
          has_every_role_(caller->is_administrator ||
                          (caller->is_auditor && auditor_permissions().contains(action))),
          caller_(has_every_role_ && !caller->limits.projects && !caller->limits.databases
                      ? nullptr
                      : std::move(caller)) {}

    [[nodiscard]] bool is_all() const noexcept { return caller_ == nullptr; }
    // Returns whether the project is visible, or a database or an operation in it.
    [[nodiscard]] bool contains(std::string_view project,
                                std::string_view database = {}) const noexcept {
        if (caller_ == nullptr) return true;
        if (!caller_->limits.allow_project(project)) return false;
        if (!caller_->limits.allow_database(database)) return false;
        if (has_every_role_) return true;
        const auto granted = caller_->roles.find(project);
        return granted != caller_->roles.end() && granted->second.permissions.grants(action_);
    }
    // Returns the ids outside of which no database is visible, or null if the credential is not
    // limited to databases.
    [[nodiscard]] const std::set<std::string, std::less<>>* database_ids() const noexcept {
        if (caller_ == nullptr || !caller_->limits.databases) return nullptr;
        return &*caller_->limits.databases;
    }
    // Returns whether the visible objects are in a list of projects: for_each().
    [[nodiscard]] bool has_projects() const noexcept {
        return caller_ != nullptr && (!has_every_role_ || caller_->limits.projects);
    }
    // Calls `visit(name)` for each project that may have visible objects. Precondition:
    // has_projects().
    template <class Visit>
    void for_each(Visit visit) const {
        if (has_every_role_) {
            for (const auto& project : *caller_->limits.projects) visit(project);
            return;
        }
        for (const auto& [project, granted] : caller_->roles) {
            if (caller_->limits.allow_project(project)) visit(project);
        }
    }

  private:
    visible_projects() = default;
    permission action_ = permission::read_databases;
    bool has_every_role_ = true;
    std::shared_ptr<const principal> caller_;  // null: all projects
};

}  // namespace domain
