#include "domain/member_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "domain/api_key_rules.hpp"
#include "domain/field_errors.hpp"
#include "domain/text_rules.hpp"

namespace domain {

base::outcome<project_member> validate(const member_request& wanted, std::string project,
                                       std::string subject) {
    field_errors errors(wanted.unread);
    if (!is_label_word(subject)) {
        errors.add("/subject", "bad_name",
                   "must have 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a "
                   "letter or digit");
    } else if (is_administrator(subject)) {
        errors.add("/subject", "reserved", "is an administrator and has every permission already");
    }
    const auto role = find_role(wanted.role.value_or(""));
    if (!role) {
        errors.add("/role", wanted.role ? "unknown_value" : "required",
                   fmt::format("must be one of {}", fmt::join(all_roles(), ", ")));
    }
    if (!errors.empty()) return std::move(errors).fail();
    return project_member{
        .project = std::move(project), .subject = std::move(subject), .role = *role};
}

}  // namespace domain
