#include "domain/member_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "domain/api_key_rules.hpp"
#include "domain/field_errors.hpp"
#include "domain/service_account_rules.hpp"
#include "domain/text_rules.hpp"

namespace domain {

base::outcome<project_member> validate(const member_request& wanted, std::string project,
                                       std::string subject) {
    field_errors errors(wanted.unread);
    const bool is_account =
        account_of_subject(subject) ||
        (is_service_account(subject) && subject.size() <= member_subject_bytes_max);
    if (!is_label_word(subject) && !is_account) {
        errors.add("/subject", "bad_name",
                   "must have 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a "
                   "letter or digit; or must be service_account:NAME, or "
                   "system:serviceaccount:NAMESPACE:NAME with at most 87 characters");
    } else if (is_administrator(subject)) {
        errors.add("/subject", "reserved", "is an administrator and has every permission already");
    }
    auto role = wanted.role.value_or("");
    if (!is_label_word(role)) {
        errors.add(
            "/role", wanted.role ? "unknown_value" : "required",
            fmt::format("must be one of {}, or a custom role", fmt::join(all_roles(), ", ")));
    }
    if (!errors.empty()) return std::move(errors).fail();
    return project_member{
        .project = std::move(project), .subject = std::move(subject), .role = std::move(role)};
}

base::outcome<void> check_grant(const project_member& member, permission_set permissions,
                                const principal& grantor) {
    const auto lacking = lacking_permissions(grantor, permissions, member.project);
    if (lacking.empty()) return base::ok();
    return base::fail(
        base::errc::denied,
        fmt::format("role: {} has the permission {}, which the caller lacks in project "
                    "{}; only a caller with every permission of a role may grant or "
                    "revoke it",
                    member.role, name(lacking.front()), member.project),
        "exceeds_grantor");
}

}  // namespace domain
