#pragma once
// The observed state: what the cluster reports about one database. Plain values; immutable once
// published.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "domain/desired.hpp"
#include "domain/topology.hpp"

namespace domain {

// KubeDB's status.phase in the domain's words.
enum class observed_phase : std::uint8_t {
    none,  // just created, no phase yet
    provisioning,
    restoring,
    ready,
    critical,   // accepts connections, but a member is missing or unhealthy
    not_ready,  // does not accept connections
    halted,
    unknown  // the health check is paused (normal while an operation runs)
};

struct condition {
    std::string type;
    bool status = false;
    std::string reason;
    std::string message;
    std::optional<instant> last_transition;
    bool operator==(const condition&) const = default;
};

struct event {
    std::string type;  // "Normal" | "Warning"
    std::string reason;
    std::string message;
    std::string object;  // "Pod/orders-0"
    int count = 1;
    std::optional<instant> first_seen;
    std::optional<instant> last_seen;
    bool operator==(const event&) const = default;
};

struct member {
    std::string name;  // "orders-0"
    std::string role;  // "primary", "standby", "" when not known
    bool ready = false;
    int restarts = 0;
    bool operator==(const member&) const = default;
};

struct endpoint {
    std::string purpose;  // "primary", "standby", "pods", "member" (one of several)
    std::string host;
    int port = 0;
    bool operator==(const endpoint&) const = default;
};

enum class change_kind : std::uint8_t {
    vertical_scaling,
    horizontal_scaling,
    volume_expansion,
    restart
};
enum class change_phase : std::uint8_t {
    pending,
    progressing,
    successful,
    failed,
    skipped,
    denied
};

// A day-2 change (OpsRequest) in the cluster, of the platform or of another writer.
struct observed_change {
    std::string name;
    change_kind kind = change_kind::restart;
    bool known_kind = true;  // false: a type that the platform never creates; it still blocks other
                             // changes
    change_phase phase = change_phase::pending;
    std::string operation_id;  // of our operation; empty for a foreign one
    std::string reason;        // of the last condition
    std::string message;
    std::optional<instant> created_at;
    bool operator==(const observed_change&) const = default;
    [[nodiscard]] bool is_terminal() const noexcept {
        return phase != change_phase::pending && phase != change_phase::progressing;
    }
};

// The observed state of one database. Immutable once published. `exists == false` means that the
// synced watch does not contain the object.
struct observed_database {
    bool exists = false;
    bool deleting = false;  // deletion has been accepted and is under way
    std::string uid;
    std::string
        owner_database_id;  // our id on the object; empty when the platform did not create it
    observed_phase phase = observed_phase::none;
    // The part of the object's spec that the platform compares with the desired state.
    std::string version;
    domain::topology topology;
    bool paused = false;
    domain::labels labels;
    std::vector<condition> conditions;
    std::vector<member> members;
    std::vector<endpoint> endpoints;
    std::vector<event> events;  // newest last, bounded
    std::vector<observed_change> changes;
    bool has_leftovers =
        false;  // object gone, but volumes/secrets/pods that belong to it are still there
    std::uint16_t metrics_port = 0;  // of the stats service, named "metrics"; 0: none
    instant observed_at{};
    [[nodiscard]] bool has_metrics() const noexcept { return metrics_port != 0; }
    bool operator==(const observed_database&) const = default;
};

// Returns whether the observed object is that of the record. An object of the same name with
// another uid is not.
bool is_ours(const database& record, const observed_database& observed) noexcept;
// Returns the most specific reason why a database is not ready, from its conditions and warning
// events. May be empty.
std::string explain(const observed_database& observed);

std::string_view name(observed_phase) noexcept;
std::string_view name(change_kind) noexcept;
std::string_view name(change_phase) noexcept;

}  // namespace domain
