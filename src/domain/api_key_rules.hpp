#pragma once
// API keys as records: the subject, the limits and the times of a key. The secret is not part of
// it; `digest` is what remains. Pure.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

// The subject of the keys of the first administrator. It and local_subject are administrators.
inline constexpr std::string_view admin_subject = "admin";
// The subject of every request to a platform without authentication.
inline constexpr std::string_view local_subject = "local-admin";
bool is_administrator(std::string_view subject) noexcept;

struct api_key {
    std::string id;  // public part of the key
    std::string name;
    std::string subject;  // has the key's permissions, within the limits
    credential_limits limits;
    std::string digest;     // SHA-256 of the key, hexadecimal
    std::string last_four;  // of the key
    base::instant created_at{};
    std::string created_by;      // subject
    std::string created_by_key;  // id; empty if the creator had no key
    std::optional<base::instant> expires_at;
    std::optional<base::instant> revoked_at;
    std::int64_t revision = 0;
    bool operator==(const api_key&) const = default;
};

enum class api_key_state : std::uint8_t { active, expired, revoked };
std::string_view name(api_key_state state) noexcept;
api_key_state state_of(const api_key& key, base::instant now) noexcept;

// A request for a new key, as the client sent it.
struct api_key_request {
    std::optional<std::string> name;
    std::optional<std::string> subject;  // nothing: the caller's
    std::optional<std::vector<std::string>> permissions;
    std::optional<std::vector<std::string>> projects;
    std::optional<std::string> expires_at;  // RFC 3339
    std::vector<base::field_error> unread;
};

inline constexpr std::chrono::days api_key_lifetime_default{90};
inline constexpr std::chrono::days api_key_lifetime_max{366};
inline constexpr std::size_t api_key_projects_max = 100;

// Returns the key without id, digest and last_four. Errors: invalid (fields), denied (the key would
// have more permissions than the caller's credential, or another subject; only an administrator
// without limits creates keys of other subjects). `caller_expiry`: of the caller's own key.
base::outcome<api_key> validate(const api_key_request& wanted, const principal& caller,
                                std::optional<base::instant> caller_expiry, base::instant now);

}  // namespace domain
