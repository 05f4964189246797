#pragma once
// The custom roles of the platform, as the api module uses them. The commands run on the control
// loop. The published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "app/seen_version.hpp"
#include "app/shared_principal.hpp"
#include "domain/role_rules.hpp"

namespace app {

using shared_role = std::shared_ptr<const domain::custom_role>;
using role_index = std::map<std::string, shared_role, std::less<>>;  // by name

class role_commands {
  public:
    virtual ~role_commands() = default;
    // Errors: invalid (fields), denied (domain::validate), conflict (reason "already_exists"; or
    // "in_use": members have a role of the name that was deleted), limit (roles_max), unavailable,
    // timed_out.
    virtual aio::task<shared_role> create_role(domain::role_request wanted,
                                               shared_principal client) = 0;
    // Replaces the description and the permissions of the role. `allowed`: the versions that the
    // write may be based on. Errors: those of create_role, not_found, precondition (another
    // version).
    virtual aio::task<shared_role> replace_role(std::string name, domain::role_request wanted,
                                                seen_versions allowed, shared_principal client) = 0;
    // Errors: not_found, conflict (reason "in_use": members have the role), unavailable, timed_out.
    virtual aio::task<void> delete_role(std::string name, shared_principal client) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const role_index> roles() const = 0;

    static constexpr std::size_t roles_max = 200;
};

}  // namespace app
