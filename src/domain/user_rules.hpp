#pragma once
// Users: people who sign in with a password or through an identity provider. The name of a user is
// the subject of its keys, roles and sessions. A subject without a user stays valid. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/secret.hpp"
#include "domain/access.hpp"

namespace domain {

// The role of a user on the whole platform, next to its roles in projects.
enum class platform_role : std::uint8_t {
    none,
    auditor,  // reads everything except credentials
    admin,
};
std::string_view name(platform_role value) noexcept;
std::optional<platform_role> find_platform_role(std::string_view name) noexcept;
// Returns every name, in the order of the enumeration.
std::span<const std::string_view> all_platform_roles() noexcept;

enum class user_state : std::uint8_t {
    active,
    disabled,  // every credential of the user is rejected
};
std::string_view name(user_state value) noexcept;

struct user {
    std::string name;   // the subject
    std::string email;  // empty: unknown
    platform_role role = platform_role::none;
    std::string role_granted_by;  // the issuer whose groups gave the role; empty: a person
    user_state state = user_state::active;
    std::string password_hash;  // argon2id with its parameters; empty: no password
    // Sessions of another epoch have ended. Begins with the time of the creation, so that sessions
    // of a deleted user of the same name stay ended.
    std::int64_t session_epoch = 0;
    base::instant created_at{};
    std::string created_by;  // subject
    std::optional<base::instant> password_changed_at;
    std::int64_t revision = 0;

    [[nodiscard]] bool is_active_administrator() const noexcept {
        return role == platform_role::admin && state == user_state::active;
    }
    bool operator==(const user&) const = default;
};

// A request for a new user, as the client sent it.
struct user_request {
    std::optional<std::string> name;
    std::optional<std::string> email;
    std::optional<std::string> role;
    std::optional<base::secret> password;
    std::vector<base::field_error> unread;
};
// A merge patch of a user, as the client sent it.
struct user_patch {
    std::optional<std::string> email;  // empty: deleted
    std::optional<std::string> role;
    std::optional<std::string> state;
    std::vector<base::field_error> unread;
};
struct password_request {
    std::optional<base::secret> current_password;
    std::optional<base::secret> password;
    std::vector<base::field_error> unread;
};

// The rules of NIST SP 800-63B: a length, and no guessable text. No rule on the kinds of
// characters.
inline constexpr std::size_t password_length_min = 12;
inline constexpr std::size_t password_length_max = 256;

// Returns whether a user may have the e-mail address: at most 254 printable ASCII characters with
// an at sign. Only a delivered message shows that an address is right.
bool is_email(std::string_view text) noexcept;

// Returns the user without its password hash. Errors: invalid (fields; no message repeats the
// password), denied (only an administrator without limits sets a role or a password).
base::outcome<user> validate(const user_request& wanted, const principal& caller,
                             base::instant now);
// Returns the changed user. Errors: invalid (fields), denied (role or state of the caller's own
// user, or from another caller than an administrator without limits).
base::outcome<user> apply(const user_patch& wanted, const user& present, const principal& caller);
// Errors: invalid (fields), denied (`current_password` is missing). An administrator without limits
// needs no current password for another user, or with an API key.
base::outcome<void> validate(const password_request& wanted, const user& present,
                             const principal& caller);

}  // namespace domain
