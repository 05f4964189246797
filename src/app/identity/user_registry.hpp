#pragma once
// The users in the document store, with a copy in memory that every thread may read. Lives on the
// control loop, except where a function says otherwise. Owned by the service.

#include <functional>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/identity/member_registry.hpp"
#include "app/identity/password_pool.hpp"
#include "app/user_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

class user_registry final : public user_commands {
  public:
    struct deps {
        ports::document_store& store;
        member_registry& members;  // the roles of the users
        password_pool& passwords;
        const base::clock& clock;
        obs::log& log;
    };
    explicit user_registry(deps deps);

    // Calls `observer` after each change of a user.
    void on_change(std::function<void(const std::string& name)> observer) {
        observer_ = std::move(observer);
    }
    // Runs `step` before a user is deleted: what the user owns is deleted first. The user is
    // disabled by then, and stays so if a step fails.
    void before_deletion(std::function<aio::task<>(std::string name)> step) {
        deletion_steps_.push_back(std::move(step));
    }
    // Runs `step` before a user is created: what an earlier user of the name has left is deleted.
    void before_creation(std::function<aio::task<>(std::string name)> step) {
        creation_steps_.push_back(std::move(step));
    }
    // Reads every user. Errors: unavailable, corrupt.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable, corrupt.
    aio::task<> refresh() { return registry_.refresh(); }
    // Reads one user from the store. Errors: unavailable, corrupt.
    aio::task<> refresh(std::string name) { return registry_.adopt(std::move(name)); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Returns null if there is none.
    [[nodiscard]] shared_user find(std::string_view name) const;
    // Returns whether the subject is a user with the role admin, active or not. Thread: any.
    [[nodiscard]] bool is_administrator(std::string_view subject) const;
    [[nodiscard]] bool is_auditor(std::string_view subject) const;
    // Returns whether a user with the role admin is active. Thread: any.
    [[nodiscard]] bool has_administrator() const;
    // Ends every session of the user. Errors: not_found, unavailable, timed_out.
    aio::task<void> end_sessions(std::string name);
    // Hashes the password again with the present parameters, unless the hash is another one by
    // then. Errors: unavailable, timed_out.
    aio::task<void> renew_hash(std::string name, std::string previous, base::secret password);
    // Creates the administrator `admin` if there are no users. Errors: those of create_user().
    aio::task<void> admit_first_administrator(base::secret password);

    aio::task<shared_user> create_user(domain::user_request wanted,
                                       shared_principal client) override;
    aio::task<shared_user> patch_user(std::string name, domain::user_patch wanted,
                                      shared_principal client) override;
    aio::task<shared_user> set_group_role(std::string name, domain::platform_role role,
                                          shared_principal client) override;
    aio::task<void> delete_user(std::string name, shared_principal client) override;
    aio::task<void> set_password(std::string name, domain::password_request wanted,
                                 shared_principal client) override;
    [[nodiscard]] std::shared_ptr<const user_index> users() const override { return index_.load(); }
    // Ends the platform role that the groups of an issuer gave. Returns false if they did not give
    // the present one. Errors: not_found, unavailable, timed_out.
    aio::task<bool> end_group_role(std::string name, std::string method);
    // Gives the principal of a user its present roles.
    void update_roles(const std::string& subject);

  private:
    using change = std::function<base::outcome<domain::user>(const domain::user& present)>;

    enum class last_administrator_rule : std::uint8_t { keep, may_end };

    // Applies `change` to the newest record until it is stored.
    aio::task<shared_user> update(std::string name, change change,
                                  last_administrator_rule rule = last_administrator_rule::keep);
    // Warns if a change by the groups of an issuer has left no administrator.
    void check_administrators(const std::string& name, const std::string& method);
    void log_change(const domain::user& changed, const domain::principal& client);
    // Returns whether no other active administrator than `name` exists.
    [[nodiscard]] bool is_last_administrator(std::string_view name) const;
    // Restores `previous` if no active administrator is left after the reads of the store.
    aio::task<> keep_an_administrator(shared_user previous);
    // Adds, replaces or erases the users in one new index.
    void publish(const std::vector<std::string>& names);
    [[nodiscard]] shared_principal principal_of(const domain::user& user) const;

    deps deps_;
    document_registry<domain::user> registry_;
    std::function<void(const std::string&)> observer_ = [](const std::string&) {};
    std::vector<std::function<aio::task<>(std::string)>> deletion_steps_;
    std::vector<std::function<aio::task<>(std::string)>> creation_steps_;
    base::atomic_shared_ptr<const user_index> index_;
};

}  // namespace app
