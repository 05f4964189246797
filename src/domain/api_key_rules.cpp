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
    errors.add(std::string(pointer), wanted ? "bad_name" : "required", label_word_message);
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

std::optional<std::set<std::string, std::less<>>> read_databases(
    const std::optional<std::vector<std::string>>& wanted, field_errors& errors) {
    if (!wanted) return std::nullopt;
    if (wanted->empty() || wanted->size() > api_key_databases_max) {
        errors.add("/databases", "out_of_range",
                   fmt::format("must name 1 to {} databases by id; leave it out for all databases",
                               api_key_databases_max));
        return std::nullopt;
    }
    std::set<std::string, std::less<>> result;
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        const auto& id = (*wanted)[i];
        if (!is_valid_name(id)) {
            errors.add(fmt::format("/databases/{}", i), "bad_name", "is not the id of a database");
        }
        result.insert(id);
    }
    return result;
}

std::optional<std::vector<base::ip_network>> read_networks(
    const std::optional<std::vector<std::string>>& wanted, field_errors& errors) {
    if (!wanted) return std::nullopt;
    if (wanted->empty() || wanted->size() > api_key_cidrs_max) {
        errors.add("/cidrs", "out_of_range",
                   fmt::format("must name 1 to {} networks; leave it out for all addresses",
                               api_key_cidrs_max));
        return std::nullopt;
    }
    std::vector<base::ip_network> result;
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        const auto network = base::parse_ip_network((*wanted)[i]);
        if (!network) {
            errors.add(fmt::format("/cidrs/{}", i), "bad_network",
                       "must be a network such as 10.0.0.0/8 or 2001:db8::/32, or an address");
            continue;
        }
        if (std::ranges::find(result, *network) == result.end()) result.push_back(*network);
    }
    return result;
}

// `latest`: the expiry of the caller's key.
base::instant read_expiry(const std::optional<std::string>& wanted,
                          std::optional<base::instant> latest, base::instant now,
                          const api_key_policy& policy, field_errors& errors) {
    const auto lifetime_end = now + policy.lifetime_max;
    const auto max = std::min(latest.value_or(base::instant::max()), lifetime_end);
    const auto expiry = wanted ? base::from_rfc3339(*wanted)
                               : std::optional(std::min(now + api_key_lifetime_default, max));
    if (!expiry) {
        errors.add("/expires_at", "bad_value", "must be an RFC 3339 timestamp");
    } else if (*expiry <= now || *expiry > max) {
        const auto reason =
            max == lifetime_end
                ? fmt::format("a key is valid for at most {} days", policy.lifetime_max.count())
                : std::string("the key of this request expires then");
        errors.add("/expires_at", "out_of_range",
                   fmt::format("must be after the present and not after {}; {}",
                               base::to_rfc3339(max), reason));
    }
    return expiry.value_or(now);
}

std::optional<unused_limit> read_max_unused(const std::optional<std::int64_t>& wanted,
                                            base::instant now, field_errors& errors) {
    if (!wanted) return std::nullopt;
    if (*wanted < 1 || *wanted > api_key_unused_max.count()) {
        errors.add("/max_unused_days", "out_of_range",
                   fmt::format("must be 1 to {}", api_key_unused_max.count()));
    }
    return unused_limit{.duration = std::chrono::days(*wanted), .since = now};
}

std::unexpected<base::failure> deny_more() {
    return base::fail(
        errc::denied,
        "the key would permit more than the key of this request; name a subset of its "
        "permissions, projects, databases and cidrs");
}

bool covers(const principal& caller, std::optional<base::instant> caller_expiry,
            const api_key& key) {
    const bool is_in_time = !caller_expiry || (key.expires_at && *key.expires_at <= *caller_expiry);
    return is_in_time && caller.limits.include(key.limits);
}

}  // namespace

bool is_administrator(std::string_view subject) noexcept {
    return subject == admin_subject || subject == local_subject;
}

std::string_view name(api_key_state state) noexcept {
    switch (state) {
        case api_key_state::expiring:
            return "expiring";
        case api_key_state::stale:
            return "stale";
        case api_key_state::expired:
            return "expired";
        case api_key_state::revoked:
            return "revoked";
        case api_key_state::active:
            break;
    }
    return "active";
}

bool is_usable(api_key_state state) noexcept {
    return state != api_key_state::expired && state != api_key_state::revoked;
}

api_key_state state_of(const api_key& key, std::optional<base::instant> last_used_at,
                       base::instant now) noexcept {
    if (key.revoked_at) return api_key_state::revoked;
    if (key.expires_at && *key.expires_at <= now) return api_key_state::expired;
    const auto deadline = unused_deadline(key, last_used_at);
    if (deadline && *deadline <= now) return api_key_state::expired;
    const auto used_at = std::max(key.created_at, last_used_at.value_or(key.created_at));
    if (used_at + api_key_stale_after <= now) return api_key_state::stale;
    if (key.expires_at && *key.expires_at - api_key_expiring_before <= now) {
        return api_key_state::expiring;
    }
    return api_key_state::active;
}

std::optional<base::instant> unused_deadline(const api_key& key,
                                             std::optional<base::instant> last_used_at) noexcept {
    if (!key.max_unused) return std::nullopt;
    const auto since = key.max_unused->since;
    return std::max(since, last_used_at.value_or(since)) + key.max_unused->duration;
}

base::outcome<api_key> validate(const api_key_request& wanted, const principal& caller,
                                std::optional<base::instant> caller_expiry, base::instant now,
                                const api_key_policy& policy) {
    field_errors errors(wanted.unread);
    api_key result{
        .name = read_name(wanted.name, "/name", errors),
        .subject = wanted.subject ? read_name(wanted.subject, "/subject", errors) : caller.subject,
        .limits = {.permissions = read_permissions(wanted.permissions, errors),
                   .projects = read_projects(wanted.projects, errors),
                   .databases = read_databases(wanted.databases, errors),
                   .networks = read_networks(wanted.cidrs, errors)},
        .created_at = now,
        .created_by = caller.subject};
    result.expires_at = read_expiry(wanted.expires_at, caller_expiry, now, policy, errors);
    result.max_unused = read_max_unused(wanted.max_unused_days, now, errors);
    if (!errors.empty()) return std::move(errors).fail();
    if (result.subject != caller.subject && !caller.is_unlimited()) {
        return base::fail(errc::denied,
                          "subject: only an administrator may create keys of another subject");
    }
    if (!caller.limits.include(result.limits)) return deny_more();
    return result;
}

base::outcome<api_key> validate(const api_key_patch& wanted, const api_key& present,
                                const principal& caller, std::optional<base::instant> caller_expiry,
                                base::instant now, const api_key_policy& policy) {
    field_errors errors(wanted.unread);
    auto result = present;
    auto& limits = result.limits;
    if (wanted.name) result.name = read_name(wanted.name, "/name", errors);
    if (wanted.permissions) limits.permissions = read_permissions(*wanted.permissions, errors);
    if (wanted.projects) limits.projects = read_projects(*wanted.projects, errors);
    if (wanted.databases) limits.databases = read_databases(*wanted.databases, errors);
    if (wanted.cidrs) limits.networks = read_networks(*wanted.cidrs, errors);
    if (wanted.expires_at) {
        result.expires_at = read_expiry(wanted.expires_at, caller_expiry, now, policy, errors);
    }
    if (wanted.max_unused_days) {
        result.max_unused = read_max_unused(*wanted.max_unused_days, now, errors);
    }
    if (!errors.empty()) return std::move(errors).fail();
    // Also the present key: a caller must not narrow or prolong a key that permits more than its
    // own.
    const bool is_covered =
        covers(caller, caller_expiry, present) && covers(caller, caller_expiry, result);
    if (!is_covered) return deny_more();
    return result;
}

base::outcome<std::chrono::seconds> validate(const rotation_request& wanted, const api_key& present,
                                             const principal& caller,
                                             std::optional<base::instant> caller_expiry,
                                             std::optional<base::instant> last_used_at,
                                             base::instant now) {
    field_errors errors(wanted.unread);
    const auto overlap = wanted.overlap_seconds.value_or(rotation_overlap_default.count());
    if (overlap < 0 || overlap > rotation_overlap_max.count()) {
        errors.add("/overlap_seconds", "out_of_range",
                   fmt::format("must be 0 to {}", rotation_overlap_max.count()));
    }
    if (!errors.empty()) return std::move(errors).fail();
    if (!covers(caller, caller_expiry, present)) return deny_more();
    if (!is_usable(state_of(present, last_used_at, now))) {
        return base::fail(errc::conflict, "the API key has expired; create another one",
                          "key_expired");
    }
    return std::chrono::seconds(overlap);
}

}  // namespace domain
