#pragma once
// One row of the audit log, before it has a position in a chain. Plain values.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace app {

enum class audit_outcome : std::uint8_t {
    started,   // written before the act; a row with the same id follows
    success,   // 2xx, 3xx
    rejected,  // 4xx
    denied,    // 401, 403, 429
    failed,    // 5xx; the act may have happened
    unknown,   // the process ended before it wrote the outcome
};
std::string_view name(audit_outcome outcome) noexcept;
audit_outcome outcome_of(unsigned status) noexcept;
// Returns the outcome of an act that has failed.
audit_outcome outcome_of(base::errc code) noexcept;

struct audit_event {
    std::string id{};  // the same in the rows of one request; set by the trail
    audit_outcome outcome = audit_outcome::started;
    std::string action{};  // name of the route, such as "create_database"
    std::string actor{};   // subject; empty if unknown
    std::string via{};     // "key:ID", "password", "oidc", "k8s", "local"; empty: no credential
    std::string kind{};    // of the object: "database", "project", "api_key", "session"
    std::string project{};
    std::string object{};  // id of a database or a key, else a name; of a session: its user
    std::string request_id{};
    std::string address{};
    std::string user_agent{};
    unsigned status = 0;           // of the response
    std::string request_digest{};  // SHA-256 of the body; empty if the body may contain a secret
    std::string etag{};            // of the object after the act
};

}  // namespace app
