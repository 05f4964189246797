#pragma once
// Access control: which principal may do what in which project. Every decision is made here, so
// that the API, its streams and its tests agree. Pure.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

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
    read_keys,      // API keys of the same subject; an administrator's are all
    create_keys,
    revoke_keys,
    read_members,
    update_members,  // grants and revokes every role in the project, including its own
};
inline constexpr std::size_t permission_count = std::size_t(permission::update_members) + 1;
// "databases.read", "databases.credentials", ...
std::string_view name(permission action) noexcept;
std::optional<permission> find_permission(std::string_view name) noexcept;
// Returns every name, in the order of the enumeration.
std::span<const std::string_view> all_permissions() noexcept;

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

// Narrows the permissions of a principal to those of one credential. It never adds any.
struct credential_limits {
    std::optional<std::set<permission>> permissions{};  // nothing: no limit
    std::optional<std::set<std::string, std::less<>>> projects{};

    // Returns whether every permission and project of `inner` is also in these limits.
    [[nodiscard]] bool include(const credential_limits& inner) const noexcept;
    [[nodiscard]] bool allow_project(std::string_view project) const noexcept {
        return !projects || projects->contains(project);
    }
    bool operator==(const credential_limits&) const = default;
};

// An authenticated caller.
struct principal {
    std::string subject;            // unique; appears in logs and as `requested_by`
    bool is_administrator = false;  // has every permission in every project
    std::map<std::string, role, std::less<>> roles{};  // by project
    std::string credential{};                          // "key:ID"; empty if the caller sent none
    credential_limits limits{};

    // Returns whether no check can fail.
    [[nodiscard]] bool is_unlimited() const noexcept {
        return is_administrator && !limits.permissions && !limits.projects;
    }
};

// Returns whether the credential permits the action somewhere. A false result does not depend on
// the object, so a response may name the permission.
bool credential_permits(const principal& caller, permission action) noexcept;
// Returns whether the principal has the permission in the project and its credential permits it.
// Permissions on the platform (create_projects, delete_projects, read_platform) are in no project:
// only administrators whose credential is not limited to projects have them. Every principal has
// read_engines and the permissions on its own keys.
bool may(const principal& caller, permission action, std::string_view project) noexcept;
// Returns whether the principal has the permission in at least one project.
bool may_in_any_project(const principal& caller, permission action) noexcept;

// The projects whose objects a principal may read. A value that shares the principal, so that it
// may outlive a request.
class visible_projects {
  public:
    static visible_projects all() { return {}; }
    explicit visible_projects(std::shared_ptr<const principal> caller)
        : caller_(caller->is_administrator && !caller->limits.projects ? nullptr
                                                                       : std::move(caller)) {}

    [[nodiscard]] bool is_all() const noexcept { return caller_ == nullptr; }
    [[nodiscard]] bool contains(std::string_view project) const noexcept {
        if (caller_ == nullptr) return true;
        const bool has_role = caller_->is_administrator || caller_->roles.contains(project);
        return has_role && caller_->limits.allow_project(project);
    }
    // Calls `visit(name)` for each project. Precondition: !is_all().
    template <class Visit>
    void for_each(Visit visit) const {
        if (caller_->is_administrator) {
            for (const auto& project : *caller_->limits.projects) visit(project);
            return;
        }
        for (const auto& [project, granted] : caller_->roles) {
            if (caller_->limits.allow_project(project)) visit(project);
        }
    }

  private:
    visible_projects() = default;
    std::shared_ptr<const principal> caller_;  // null: all projects
};

}  // namespace domain
