#include "domain/api_key_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "domain/field_errors.hpp"
#include "domain/text_rules.hpp"

namespace domain {
namespace {

using base::errc;

std::string read_name(const std::optional<std::string>& wanted, std::string_view pointer,
                      field_errors& errors) {
    if (wanted && is_label_word(*wanted)) return *wanted;
    errors.add(std::string(pointer), wanted ? "bad_name" : "required",
               "must have 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a "
               "letter or digit");
    return {};
}

std::optional<std::set<permission>> read_permissions(
    const std::optional<std::vector<std::string>>& wanted, field_errors& errors) {
    if (!wanted) return std::nullopt;
    if (wanted->empty()) {
        errors.add("/permissions", "required",
                   "must name at least one permission; leave it out for all of the subject's");
    }
    std::set<permission> result;
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        if (const auto action = find_permission((*wanted)[i])) {
            result.insert(*action);
        } else {
            errors.add(fmt::format("/permissions/{}", i), "unknown_value",
                       "is not a permission; an example is databases.create");
        }
    }
    return result;
}

std::optional<std::set<std::string, std::less<>>> read_projects(
    const std::optional<std::vector<std::string>>& wanted, field_errors& errors) {
    if (!wanted) return std::nullopt;
    if (wanted->empty() || wanted->size() > api_key_projects_max) {
        errors.add("/projects", "out_of_range",
                   fmt::format("must name 1 to {} projects; leave it out for all projects",
                               api_key_projects_max));
        return std::nullopt;
    }
    std::set<std::string, std::less<>> result;
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        const auto& project = (*wanted)[i];
        if (!is_valid_name(project)) {
            errors.add(fmt::format("/projects/{}", i), "bad_name", "is not the name of a project");
        }
        result.insert(project);
    }
    return result;
}

base::instant read_expiry(const std::optional<std::string>& wanted,
                          std::optional<base::instant> latest, base::instant now,
                          field_errors& errors) {
    const auto max = std::min(latest.value_or(base::instant::max()), now + api_key_lifetime_max);
    const auto expiry = wanted ? base::from_rfc3339(*wanted)
                               : std::optional(std::min(now + api_key_lifetime_default, max));
    if (!expiry) {
        errors.add("/expires_at", "bad_value", "must be an RFC 3339 timestamp");
    } else if (*expiry <= now || *expiry > max) {
        errors.add(
            "/expires_at", "out_of_range",
            fmt::format("must be after the present and not after {}", base::to_rfc3339(max)));
    }
    return expiry.value_or(now);
}

}  // namespace

bool is_administrator(std::string_view subject) noexcept {
    return subject == admin_subject || subject == local_subject;
}

std::string_view name(api_key_state state) noexcept {
    switch (state) {
        case api_key_state::expired:
            return "expired";
        case api_key_state::revoked:
            return "revoked";
        case api_key_state::active:
            break;
    }
    return "active";
}

api_key_state state_of(const api_key& key, base::instant now) noexcept {
    if (key.revoked_at) return api_key_state::revoked;
    if (key.expires_at && *key.expires_at <= now) return api_key_state::expired;
    return api_key_state::active;
}

base::outcome<api_key> validate(const api_key_request& wanted, const principal& caller,
                                std::optional<base::instant> caller_expiry, base::instant now) {
    field_errors errors(wanted.unread);
    api_key result{
        .name = read_name(wanted.name, "/name", errors),
        .subject = wanted.subject ? read_name(wanted.subject, "/subject", errors) : caller.subject,
        .limits = {.permissions = read_permissions(wanted.permissions, errors),
                   .projects = read_projects(wanted.projects, errors)},
        .created_at = now,
        .created_by = caller.subject};
    result.expires_at = read_expiry(wanted.expires_at, caller_expiry, now, errors);
    if (!errors.empty()) return std::move(errors).fail();
    if (result.subject != caller.subject && !caller.is_unlimited()) {
        return base::fail(errc::denied,
                          "subject: only an administrator may create keys of another subject");
    }
    if (!caller.limits.include(result.limits)) {
        return base::fail(errc::denied,
                          "the key would permit more than the key of this request; name a subset "
                          "of its permissions and projects");
    }
    return result;
}

}  // namespace domain
