#pragma once
// The users of the platform, as the api module uses them. The commands run on the control loop. The
// published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "app/shared_principal.hpp"
#include "domain/user_rules.hpp"

namespace app {

using shared_user = std::shared_ptr<const domain::user>;

// One user and the principal of its sessions, without credential; immutable.
struct known_user {
    shared_user record;
    shared_principal caller;
};
using user_index = std::map<std::string, known_user, std::less<>>;  // by name

class user_commands {
  public:
    virtual ~user_commands() = default;
    // Errors: those of domain::validate; conflict (already_exists), limit (users_max), unavailable
    // (also: too many passwords are being hashed), timed_out.
    virtual aio::task<shared_user> create_user(domain::user_request wanted,
                                               shared_principal client) = 0;
    // Errors: those of domain::apply; not_found, conflict (last_administrator), unavailable,
    // timed_out.
    virtual aio::task<shared_user> patch_user(std::string name, domain::user_patch wanted,
                                              shared_principal client) = 0;
    // Sets the platform role that the groups of an issuer give. Unlike patch_user(), it also ends
    // the role of the last administrator. Errors: not_found, unavailable, timed_out.
    virtual aio::task<shared_user> set_group_role(std::string name, domain::platform_role role,
                                                  shared_principal client) = 0;
    // Deletes the user, its roles in projects, and revokes its API keys. Errors: not_found,
    // conflict (last_administrator), unavailable, timed_out.
    virtual aio::task<void> delete_user(std::string name, shared_principal client) = 0;
    // Sets the password and ends every session of the user. Errors: those of domain::validate;
    // denied (wrong_password), not_found, unavailable, timed_out.
    virtual aio::task<void> set_password(std::string name, domain::password_request wanted,
                                         shared_principal client) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const user_index> users() const = 0;

    static constexpr std::size_t users_max = 10'000;
};

}  // namespace app
