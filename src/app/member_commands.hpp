#pragma once
// The members of projects, as the api module uses them. The commands run on the control loop. The
// published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "app/commands.hpp"
#include "app/shared_principal.hpp"
#include "domain/member_rules.hpp"

namespace app {

using shared_member = std::shared_ptr<const domain::project_member>;
// Members by project and subject. Immutable.
using member_index = std::map<std::string, std::map<std::string, shared_member>, std::less<>>;

struct granted_role {
    shared_member record;
    bool is_new = false;
};

class member_commands {
  public:
    virtual ~member_commands() = default;
    // Grants the role in the project instead of the present one. Errors: not_found (the project
    // does not exist), denied (the new or the present role has permissions that the grantor lacks),
    // limit (members_max), unavailable, timed_out.
    virtual aio::task<granted_role> put_member(domain::project_member wanted, caller client,
                                               shared_principal grantor) = 0;
    // Errors: not_found, denied (the role has permissions that the grantor lacks),
    // unavailable, timed_out.
    virtual aio::task<void> delete_member(std::string project, std::string subject, caller client,
                                          shared_principal grantor) = 0;
    // Ends a role that a rule of group mapping gave; the member then has the role that it replaced,
    // if a person had granted one. Returns false if the member has changed since
    // it was read, such as by a grant of a person. Errors: unavailable, timed_out.
    virtual aio::task<bool> end_group_role(shared_member member) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const member_index> members() const = 0;

    static constexpr std::size_t members_max = 1000;  // of a project
};

}  // namespace app
