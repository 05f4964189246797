#include "domain/service_account_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "domain/enum_names.hpp"
#include "domain/field_errors.hpp"
#include "domain/text_rules.hpp"

namespace domain {
namespace {

using base::errc;

constexpr std::array<std::string_view, 2> state_names{"active", "disabled"};

void read_description(const std::optional<std::string>& wanted, std::string& out,
                      field_errors& errors) {
    if (!wanted) return;
    if (length_of(*wanted) > account_description_max) {
        errors.add("/description", "out_of_range",
                   fmt::format("must have at most {} characters", account_description_max));
    }
    out = *wanted;
}

}  // namespace

std::string_view name(account_state value) noexcept {
    return state_names[static_cast<std::size_t>(value)];
}

std::optional<account_state> find_account_state(std::string_view name) noexcept {
    return value_of<account_state>(state_names, name);
}

std::string subject_of_account(std::string_view name) {
    return fmt::format("{}{}", account_subject_prefix, name);
}

std::optional<std::string_view> account_of_subject(std::string_view subject) noexcept {
    if (!subject.starts_with(account_subject_prefix)) return std::nullopt;
    subject.remove_prefix(account_subject_prefix.size());
    if (!is_label_word(subject)) return std::nullopt;
    return subject;
}

base::outcome<void> check_account_access(const principal& caller, std::string_view project) {
    const resource target{.project = project};
    const auto decision = permits(caller, permission::update_service_accounts, target);
    if (decision) return base::ok();
    const bool is_visible =
        project.empty() || may(caller, permission::read_service_accounts, project);
    if (is_visible) return base::fail(errc::denied, explain(decision, target));
    return base::fail(errc::not_found, fmt::format("there is no project '{}'", project),
                      "project_not_found");
}

base::outcome<service_account> validate(const service_account_request& wanted,
                                        const principal& caller, base::instant now) {
    field_errors errors(wanted.unread);
    service_account result{.name = wanted.name.value_or(""),
                           .project = wanted.project.value_or(""),
                           .created_at = now,
                           .created_by = caller.subject};
    if (!is_label_word(result.name)) {
        errors.add("/name", wanted.name ? "bad_name" : "required", label_word_message);
    }
    read_description(wanted.description, result.description, errors);
    if (!result.project.empty() && !is_valid_name(result.project)) {
        errors.add("/project", "bad_name",
                   "is not the name of a project; leave it out for an account of the platform");
    }
    if (!errors.empty()) return std::move(errors).fail();
    return result;
}

base::outcome<service_account> apply(const service_account_patch& wanted,
                                     const service_account& present) {
    field_errors errors(wanted.unread);
    auto result = present;
    read_description(wanted.description, result.description, errors);
    if (wanted.state) {
        const auto state = find_account_state(*wanted.state);
        if (!state) {
            errors.add("/state", "unknown_value",
                       fmt::format("must be one of {}", fmt::join(state_names, ", ")));
        }
        result.state = state.value_or(result.state);
    }
    if (!errors.empty()) return std::move(errors).fail();
    return result;
}

base::outcome<void> check_account_roles(const role_map& roles, const principal& caller) {
    auto unlimited = caller;
    unlimited.limits = {};
    for (const auto& [project, granted] : roles) {
        const auto lacking = lacking_permissions(unlimited, granted.permissions, project);
        if (lacking.empty()) continue;
        return base::fail(errc::denied,
                          fmt::format("the service account has the permission {} in project {}, "
                                      "which the caller lacks; only a caller with every permission "
                                      "of an account may create its keys",
                                      name(lacking.front()), project),
                          "exceeds_grantor");
    }
    return base::ok();
}

base::outcome<void> check_account_member(const service_account& account, std::string_view project) {
    if (account.project.empty() || account.project == project) return base::ok();
    field_errors errors({});
    errors.add("/subject", "not_found",
               "is not a service account of this project or of the platform; create one in this "
               "project");
    return std::move(errors).fail();
}

}  // namespace domain
