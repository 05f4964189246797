#pragma once
// Logins of people whom an issuer has authenticated: keeps their users and roles as the issuer
// reports them, and starts their sessions. Lives on the control loop. Owned by main.

#include "app/group_rule_register.hpp"
#include "app/live_reads.hpp"
#include "app/member_commands.hpp"
#include "app/role_commands.hpp"
#include "app/session_commands.hpp"
#include "app/user_commands.hpp"
#include "obs/log.hpp"
#include "ports/identity_provider.hpp"

namespace app {

class external_login {
  public:
    struct deps {
        user_commands& users;
        member_commands& members;
        const role_commands& roles;  // the permissions of custom roles
        session_commands& sessions;
        group_rule_register& rules;  // of this replica and the others
        live_reads& reads;
        obs::log& log;
    };
    explicit external_login(deps deps) : deps_(deps) {}

    // Creates the user if there is none, applies the roles of its groups, and starts a session.
    // Roles that other members have granted stay, unless the groups give a higher one. Roles that
    // a removed rule or issuer gave end. Errors:
    // denied (a disabled user), limit, unavailable, timed_out.
    aio::task<issued_tokens> log_in(ports::external_user user);

  private:
    // Reads the user, its roles and the rules from the store, if other replicas write to it.
    aio::task<> read_user(const ports::external_user& user);
    aio::task<> apply(const ports::external_user& user);
    aio::task<> apply_user(const ports::external_user& user);
    aio::task<> apply_platform_role(const ports::external_user& user);
    aio::task<> apply_roles(const ports::external_user& user);
    // Ends the roles whose rule or whose user has ended during the login.
    aio::task<> end_orphans(const ports::external_user& user);
    [[nodiscard]] bool is_active(const std::string& subject) const;
    // Returns whether groups gave the role, and no rule gives it any more.
    [[nodiscard]] bool is_orphaned(const group_role& granted) const;
    [[nodiscard]] bool is_orphaned(const domain::user& record) const;
    [[nodiscard]] bool is_orphaned(const domain::project_member& record) const;
    // Returns the projects in which the login decides about the role of the user.
    [[nodiscard]] std::set<std::string, std::less<>> decided_projects(
        const ports::external_user& user) const;
    // Returns the role that includes the others, or else the first one that exists; "" if none
    // does.
    [[nodiscard]] std::string widest_role(const std::string& project,
                                          const std::vector<std::string>& names) const;
    // Returns whether the role has the permissions of the other one and more.
    [[nodiscard]] bool is_wider(std::string_view role, std::string_view other) const;
    [[nodiscard]] std::optional<domain::permission_set> permissions_of(std::string_view role) const;

    deps deps_;
};

}  // namespace app
