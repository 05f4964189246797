#pragma once
// The service accounts of the platform, as the api module uses them. The commands run on the
// control loop. The published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "app/key_commands.hpp"
#include "app/shared_principal.hpp"
#include "domain/service_account_rules.hpp"

namespace app {

using shared_account = std::shared_ptr<const domain::service_account>;
using account_index = std::map<std::string, shared_account, std::less<>>;  // by name

class service_account_commands {
  public:
    virtual ~service_account_commands() = default;
    // Errors: those of domain::check_account_access and domain::validate; not_found (the project),
    // conflict (already_exists), limit (accounts_max, accounts_of_project_max), unavailable,
    // timed_out.
    virtual aio::task<shared_account> create_account(domain::service_account_request wanted,
                                                     shared_principal client) = 0;
    // A disabled account has no valid API key, on all replicas. Errors: those of domain::apply;
    // not_found, unavailable, timed_out.
    virtual aio::task<shared_account> patch_account(std::string name,
                                                    domain::service_account_patch wanted,
                                                    shared_principal client) = 0;
    // Deletes the account and its roles in projects, and revokes its API keys. Errors: not_found,
    // unavailable, timed_out.
    virtual aio::task<void> delete_account(std::string name, shared_principal client) = 0;
    // Creates an API key of the account. Errors: those of key_commands::create_key; denied
    // (exceeds_grantor: the account has a permission that the client lacks), not_found (the
    // account).
    virtual aio::task<created_key> create_account_key(std::string name,
                                                      domain::api_key_request wanted,
                                                      shared_principal client) = 0;
    // Revokes an API key of the account. Errors: not_found (the account has no such key),
    // unavailable, timed_out.
    virtual aio::task<void> revoke_account_key(std::string name, std::string id) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const account_index> accounts() const = 0;

    static constexpr std::size_t accounts_max = 10'000;
    // So that the owner of one project cannot use up those of the platform.
    static constexpr std::size_t accounts_of_project_max = 500;
};

}  // namespace app
