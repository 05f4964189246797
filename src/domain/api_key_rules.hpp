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

// A key is rejected when it was not used for longer than `duration`. Time before `since`, the time
// at which the limit was set, does not count.
struct unused_limit {
    std::chrono::days duration{};
    base::instant since{};
    bool operator==(const unused_limit&) const = default;
};

struct api_key {
    std::string id;  // public part of the key
    std::string name;
    std::string subject;  // has the key's permissions, within the limits
    credential_limits limits;
    std::string digest;     // of the key, hexadecimal
    std::string last_four;  // of the key
    base::instant created_at{};
    std::string created_by;      // subject
    std::string created_by_key;  // id; empty if the creator had no key
    std::optional<base::instant> expires_at;
    std::optional<base::instant> revoked_at;
    // Of a rotated key: the secret before, which is valid until `previous_until`.
    std::string previous_digest{};
    std::optional<base::instant> previous_until{};
    // Ids of the server keys of the digests. Empty: the digest is the SHA-256 itself.
    std::string digest_key{};
    std::string previous_digest_key{};
    std::optional<unused_limit> max_unused{};
    std::int64_t revision = 0;
    bool operator==(const api_key&) const = default;
};

// A use of a key that was accepted.
struct api_key_use {
    base::instant used_at{};
    std::string address;  // of the client; empty: not known
    bool operator==(const api_key_use&) const = default;
};

// Requests with a key are accepted until it is expired or revoked. `stale` precedes `expiring`: a
// key that expires soon matters if it is in use.
enum class api_key_state : std::uint8_t {
    active,
    expiring,  // within api_key_expiring_before
    stale,     // unused for api_key_stale_after
    expired,   // by its expiry, or unused for longer than its max_unused
    revoked
};
std::string_view name(api_key_state state) noexcept;
bool is_usable(api_key_state state) noexcept;
// `last_used_at`: of the last known use, if any.
api_key_state state_of(const api_key& key, std::optional<base::instant> last_used_at,
                       base::instant now) noexcept;
// Returns when the key expires unless it is used before. Nothing if it has no max_unused.
std::optional<base::instant> unused_deadline(const api_key& key,
                                             std::optional<base::instant> last_used_at) noexcept;

// A request for a new key, as the client sent it.
struct api_key_request {
    std::optional<std::string> name;
    std::optional<std::string> subject;  // nothing: the caller's
    std::optional<std::vector<std::string>> permissions;
    std::optional<std::vector<std::string>> projects;
    std::optional<std::vector<std::string>> databases;
    std::optional<std::vector<std::string>> cidrs;
    std::optional<std::string> expires_at;  // RFC 3339
    std::optional<std::int64_t> max_unused_days{};
    std::vector<base::field_error> unread;
};

// A change of a key, as the client sent it. Absent members stay. A limit that is null is none.
struct api_key_patch {
    using texts = std::optional<std::vector<std::string>>;
    using days = std::optional<std::int64_t>;
    std::optional<std::string> name;
    std::optional<texts> permissions;
    std::optional<texts> projects;
    std::optional<texts> databases;
    std::optional<texts> cidrs;
    std::optional<std::string> expires_at;  // RFC 3339
    std::optional<days> max_unused_days{};
    std::vector<base::field_error> unread;
};
struct rotation_request {
    std::optional<std::int64_t> overlap_seconds;
    std::vector<base::field_error> unread;
};

inline constexpr std::chrono::days api_key_lifetime_default{90};
inline constexpr std::chrono::days api_key_lifetime_max{366};
inline constexpr std::chrono::days api_key_expiring_before{14};
inline constexpr std::chrono::days api_key_stale_after{30};
inline constexpr std::chrono::days api_key_unused_max{366};
inline constexpr std::size_t api_key_projects_max = 100;
inline constexpr std::size_t api_key_databases_max = 100;
inline constexpr std::size_t api_key_cidrs_max = 32;
inline constexpr std::chrono::seconds rotation_overlap_default{86'400};
inline constexpr std::chrono::seconds rotation_overlap_max{30 * 86'400};

// The limits of all new keys and changes.
struct api_key_policy {
    std::chrono::days lifetime_max = api_key_lifetime_max;
};

// Returns the key without id, digest and last_four. Errors: invalid (fields), denied (the key would
// have more permissions than the caller's credential, or another subject; only an administrator
// without limits creates keys of other subjects). `caller_expiry`: of the caller's own key.
base::outcome<api_key> validate(const api_key_request& wanted, const principal& caller,
                                std::optional<base::instant> caller_expiry, base::instant now,
                                const api_key_policy& policy = {});
// Returns the changed key. Errors: as above; denied also if the present key permits more than the
// caller's credential, or expires later.
base::outcome<api_key> validate(const api_key_patch& wanted, const api_key& present,
                                const principal& caller, std::optional<base::instant> caller_expiry,
                                base::instant now, const api_key_policy& policy = {});
// Returns how long the present secret stays valid. Errors: invalid (fields), denied (as a patch),
// conflict (the key has expired). `last_used_at` as in state_of().
base::outcome<std::chrono::seconds> validate(const rotation_request& wanted, const api_key& present,
                                             const principal& caller,
                                             std::optional<base::instant> caller_expiry,
                                             std::optional<base::instant> last_used_at,
                                             base::instant now);

}  // namespace domain
