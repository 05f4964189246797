#pragma once
// Access control: which principal may do what in which project. Every decision is made here, so
// that the API, its streams and its tests agree. Pure.

#include <cstdint>
#include <map>
#include <memory>
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
};
// "databases.read", "databases.credentials", ...
std::string_view name(permission action) noexcept;

// Roles in a project. Each role includes the permissions of the roles before it.
enum class role : std::uint8_t {
    viewer,     // reads everything except credentials
    developer,  // reads credentials, creates, updates and operates databases
    owner,      // deletes databases, updates the project
};

// An authenticated caller.
struct principal {
    std::string subject;            // unique; appears in logs and as `requested_by`
    bool is_administrator = false;  // has every permission in every project
    std::map<std::string, role, std::less<>> roles{};  // by project
};

// Returns whether the principal has the permission in the project. Permissions on the platform
// (create_projects, delete_projects, read_platform) are in no project: only administrators have
// them. Every principal has read_engines.
bool may(const principal& caller, permission action, std::string_view project) noexcept;
// Returns whether the principal has the permission in at least one project.
bool may_in_any_project(const principal& caller, permission action) noexcept;

// The projects whose objects a principal may read. A value that shares the principal, so that it
// may outlive a request.
class visible_projects {
  public:
    static visible_projects all() { return {}; }
    explicit visible_projects(std::shared_ptr<const principal> caller)
        : caller_(caller->is_administrator ? nullptr : std::move(caller)) {}

    [[nodiscard]] bool is_all() const noexcept { return caller_ == nullptr; }
    [[nodiscard]] bool contains(std::string_view project) const noexcept {
        return caller_ == nullptr || caller_->roles.contains(project);
    }
    // Calls `visit(name)` for each project. Precondition: !is_all().
    template <class Visit>
    void for_each(Visit visit) const {
        for (const auto& [project, granted] : caller_->roles) visit(project);
    }

  private:
    visible_projects() = default;
    std::shared_ptr<const principal> caller_;  // null: all projects
};

}  // namespace domain
