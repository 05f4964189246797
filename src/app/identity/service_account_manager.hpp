#pragma once
// Creates, changes and deletes service accounts with their keys and roles. Lives on the control
// loop. Owned by the service.

#include <string>

#include "app/identity/key_registry.hpp"
#include "app/identity/member_registry.hpp"
#include "app/identity/service_account_registry.hpp"
#include "app/service_account_commands.hpp"
#include "app/state_cache.hpp"

namespace app {

class service_account_manager final : public service_account_commands {
  public:
    struct deps {
        service_account_registry& accounts;
        key_registry& keys;
        member_registry& members;
        const state_cache& projects;
        const base::clock& clock;
        obs::log& log;
    };
    explicit service_account_manager(deps deps) : deps_(deps) {}

    // Returns whether the subject of the member may be a member of its project. Errors: invalid
    // (fields: no such account, or one of another project).
    [[nodiscard]] base::outcome<void> check_member(const domain::project_member& member) const;
    // Deletes the accounts of a project that does not exist. A later project of this name must not
    // inherit them. Errors: unavailable.
    aio::task<> forget_project(std::string project);

    aio::task<shared_account> create_account(domain::service_account_request wanted,
                                             shared_principal client) override;
    aio::task<shared_account> patch_account(std::string name, domain::service_account_patch wanted,
                                            shared_principal client) override;
    aio::task<void> delete_account(std::string name, shared_principal client) override;
    aio::task<created_key> create_account_key(std::string name, domain::api_key_request wanted,
                                              shared_principal client) override;
    aio::task<void> revoke_account_key(std::string name, std::string id) override;
    [[nodiscard]] std::shared_ptr<const account_index> accounts() const override {
        return deps_.accounts.accounts();
    }

  private:
    // Returns whether the project, or the platform if it is empty, may have one more account.
    // Errors: limit.
    [[nodiscard]] base::outcome<void> check_room(std::string_view project) const;
    // Revokes the keys of the account and deletes its roles.
    aio::task<> clear(std::string name);
    // Deletes the account and everything that belongs to it.
    aio::task<> erase(std::string name);

    deps deps_;
};

}  // namespace app
