#pragma once
// Service accounts of the platform: callers that are programs. An account belongs to a project, or
// to the platform. Its subject is "service_account:NAME", which no user and no other subject can
// have. Not the service accounts of Kubernetes, whose subjects begin with "system:". Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

enum class account_state : std::uint8_t {
    active,
    disabled,  // every API key of the account is rejected
};
std::string_view name(account_state value) noexcept;
std::optional<account_state> find_account_state(std::string_view name) noexcept;

struct service_account {
    std::string name;  // unique on the platform
    std::string description;
    std::string project;  // empty: an account of the platform, which administrators manage
    account_state state = account_state::active;
    base::instant created_at{};
    std::string created_by;  // subject
    std::int64_t revision = 0;
    bool operator==(const service_account&) const = default;
};

// A request for an account, as the client sent it.
struct service_account_request {
    std::optional<std::string> name;
    std::optional<std::string> description;
    std::optional<std::string> project;  // nothing or empty: the platform
    std::vector<base::field_error> unread;
};
// A merge patch of an account, as the client sent it.
struct service_account_patch {
    std::optional<std::string> description;
    std::optional<std::string> state;
    std::vector<base::field_error> unread;
};

inline constexpr std::size_t account_description_max = 256;
inline constexpr std::string_view account_subject_prefix = "service_account:";

// Returns the subject of the account: of its keys, and as a member of projects.
std::string subject_of_account(std::string_view name);
// Returns the name of the account whose subject the text is; nothing for any other subject.
std::optional<std::string_view> account_of_subject(std::string_view subject) noexcept;

// Errors: denied (the caller must not change accounts of the project), not_found (the caller does
// not see the project). An empty project is the platform.
base::outcome<void> check_account_access(const principal& caller, std::string_view project);
// Returns the account without revision. Whether the project exists is not checked. Errors: invalid
// (fields).
base::outcome<service_account> validate(const service_account_request& wanted,
                                        const principal& caller, base::instant now);
// Returns the changed account. Errors: invalid (fields).
base::outcome<service_account> apply(const service_account_patch& wanted,
                                     const service_account& present);
// Errors: denied (exceeds_grantor: the account has a permission in a project that the caller lacks
// there). For new keys of the account, so that a caller cannot get permissions by an account.
// `roles` are those of the account. The limits of the caller's credential are not considered.
base::outcome<void> check_account_roles(const role_map& roles, const principal& caller);
// Errors: invalid (fields: the account belongs to another project).
base::outcome<void> check_account_member(const service_account& account, std::string_view project);

}  // namespace domain
