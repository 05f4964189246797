#pragma once
// The members of projects in the document store, with a copy in memory that every thread may read.
// Lives on the control loop, except where a function says otherwise. Owned by the service.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/identity/role_registry.hpp"
#include "app/member_commands.hpp"
#include "app/state_cache.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

class member_registry final : public member_commands {
  public:
    struct deps {
        ports::document_store& store;
        const state_cache& projects;
        const base::clock& clock;
        obs::log& log;
        role_registry* roles = nullptr;  // nullptr: only the built-in roles
    };
    explicit member_registry(deps deps);

    // Calls `observer` after each change of a subject's roles, in the order of the calls.
    void on_change(std::function<void(const std::string& subject)> observer) {
        observers_.push_back(std::move(observer));
    }
    // Sets a check of each new role. Before load().
    void set_check(std::function<base::outcome<void>(const domain::project_member&)> check) {
        check_ = std::move(check);
    }
    // Runs `step` before the members of a deleted project are deleted.
    void before_project_ends(std::function<aio::task<>(std::string project)> step) {
        deletion_steps_.push_back(std::move(step));
    }
    // Reads every member. Errors: unavailable, corrupt.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable, corrupt.
    aio::task<> refresh() { return registry_.refresh(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Notifies the observers of each subject that has the role.
    void update_role(const std::string& name);
    // Returns whether any member has the role.
    [[nodiscard]] bool has_role(std::string_view name) const;
    // Deletes the members of a project that does not exist, and runs the steps before it. A later
    // project of this name must not inherit them. Errors: unavailable.
    aio::task<> forget_project(std::string project);
    // Deletes the roles of a subject in every project. Errors: unavailable.
    aio::task<> forget_subject(std::string subject);
    [[nodiscard]] domain::role_map roles_of(const std::string& subject) const;

    aio::task<granted_role> put_member(domain::project_member wanted, caller client,
                                       shared_principal grantor) override;
    aio::task<void> delete_member(std::string project, std::string subject, caller client,
                                  shared_principal grantor) override;
    aio::task<bool> end_group_role(shared_member member) override;
    [[nodiscard]] std::shared_ptr<const member_index> members() const override {
        return index_.load();
    }

  private:
    // Returns the member to store. Errors: invalid (an unknown role), denied, limit.
    [[nodiscard]] base::outcome<domain::project_member> grant(
        const domain::project_member& wanted, const domain::project_member* newest,
        const domain::principal& grantor) const;
    // Errors: denied (the grantor lacks a permission of a role that the member loses).
    [[nodiscard]] base::outcome<void> check_end(const domain::project_member& member,
                                                const domain::principal& grantor) const;
    // Gives the member the role that the one of a group has replaced. Returns false if the member
    // has changed. Precondition: it has such a role. Errors: unavailable, timed_out.
    aio::task<bool> restore_replaced(shared_member member);
    // Deletes the member. Returns false if it has changed. Errors: unavailable, timed_out.
    aio::task<bool> remove_unchanged(shared_member member);
    // Reads the role of a stored member. Returns nothing if the grantor may still grant it, and the
    // subject may have it. Errors: invalid (unknown_role), denied, unavailable.
    aio::task<> check_granted(shared_member member, shared_principal grantor);
    // Returns whether the role of a former member exists in the store, and not another one of its
    // name. Errors: unavailable.
    aio::task<bool> is_same_role(domain::project_member member);
    // Restores the member before a grant; nothing: deletes the new one. A member that another
    // request has changed since then stays. Errors: not_found (the member was deleted),
    // unavailable.
    aio::task<> undo_grant(shared_member granted, std::optional<domain::project_member> previous);
    [[nodiscard]] shared_member find(const std::string& project, const std::string& subject) const;
    // Adds, replaces or erases the members in one new index.
    void publish(const std::vector<std::string>& ids);
    void notify(const std::string& subject) const;
    [[nodiscard]] std::optional<domain::permission_set> permissions_of(std::string_view role) const;

    deps deps_;
    document_registry<domain::project_member> registry_;
    std::vector<std::function<void(const std::string&)>> observers_;
    std::function<base::outcome<void>(const domain::project_member&)> check_ =
        [](const domain::project_member&) { return base::ok(); };
    std::vector<std::function<aio::task<>(std::string)>> deletion_steps_;
    base::atomic_shared_ptr<const member_index> index_;
};

}  // namespace app
