#pragma once
// What a database service is made of: projects, databases (desired and observed), operations. Plain
// values without behaviour; the rules are in validate.hpp, status.hpp and decide.hpp. Nobody here
// knows of JSON, HTTP or Kubernetes.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/topology.hpp"

namespace domain {

using base::instant;
using labels = std::map<std::string, std::string>;

// ---- desired -------------------------------------------------------------------------

struct project {
    std::string name;  // DNS-1035 label, <= 40
    std::string display_name;
    domain::labels labels;
    std::int64_t max_databases = 0;      // 0 = no limit
    std::int64_t max_cpu_millis = 0;     // 0 = no limit; summed over members of all databases
    std::int64_t max_memory_bytes = 0;   // 0 = no limit
    std::int64_t max_storage_bytes = 0;  // 0 = no limit
    std::int64_t revision = 0;
    instant created_at{};
    instant updated_at{};
    bool operator==(const project&) const = default;
};

enum class operation_kind : std::uint8_t {
    create,
    update,
    pause,
    resume,
    recreate,
    delete_database
};
enum class operation_phase : std::uint8_t {
    queued,
    running,
    succeeded,
    failed,
    cancelled,
    superseded
};

struct operation_step {
    std::string name;  // "create_object", "apply_pause", "vertical_scaling", "horizontal_scaling",
                       // "volume_expansion", ...
    operation_phase phase = operation_phase::queued;
    std::string message;
    bool operator==(const operation_step&) const = default;
};

struct operation {
    std::string id;  // "op-" + 12
    operation_kind kind = operation_kind::create;
    std::string database_id;
    std::string project;
    operation_phase phase = operation_phase::queued;
    int progress = 0;  // percent
    std::vector<operation_step> steps;
    instant created_at{};
    std::optional<instant> started_at;
    std::optional<instant> finished_at;
    std::string error_code;  // empty unless failed
    std::string error_message;
    std::string requested_by;
    // The caller's own name of the request with a digest of what it asked, so that a repetition is
    // known whatever happened to the first answer. Empty without.
    std::string idempotency_key;
    std::string request_digest;
    bool operator==(const operation&) const = default;

    [[nodiscard]] bool is_terminal() const noexcept {
        return phase != operation_phase::queued && phase != operation_phase::running;
    }
};

// The record of a database: what its owner wants, and what the platform must remember to get there.
struct database {
    std::string id;  // "db-" + 12
    std::string project;
    std::string name;
    std::string engine;  // "postgres", ... (domain/engines.hpp)
    std::string
        version;  // name in the platform's catalogue = name of the <Engine>Version object ("17.9")
    domain::topology topology;
    bool deletion_protection = false;
    bool paused = false;
    bool monitoring = true;
    domain::labels labels;

    bool deleted =
        false;  // its owner asked for deletion; the record goes when the cluster holds nothing more
    std::string object_uid;  // of the cluster object once it was seen or created; empty before
    bool was_ready =
        false;  // has been ready once: from then on trouble is degraded/failed, not provisioning

    // Not yet finished operations and the latest finished ones, oldest first (at most
    // operations_kept_max finished). They live in the database's own record so that desired state
    // and operation change in one revision-checked write.
    std::vector<operation> operations;

    std::int64_t revision = 0;  // of the stored record; +1 per write
    instant created_at{};
    instant updated_at{};
    bool operator==(const database&) const = default;
};

inline constexpr std::size_t operations_kept_max = 20;

// ---- observed ------------------------------------------------------------------------

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
    std::string purpose;  // "primary", "standby", "pods"
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

// A day-2 change (OpsRequest) that exists in the cluster, ours or somebody else's.
struct observed_change {
    std::string name;
    change_kind kind = change_kind::restart;
    bool known_kind = true;  // false: a type the platform never asks for (somebody else's); it
                             // still occupies the database
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

// What the cluster says about one database. Immutable once published; `exists == false` means: the
// platform looked (its caches are synced) and the object is not there.
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

// ---- status --------------------------------------------------------------------------

enum class status_phase : std::uint8_t {
    provisioning,
    running,
    updating,
    degraded,
    paused,
    restoring,
    deleting,
    failed,
    unknown
};

struct status {
    status_phase phase = status_phase::unknown;
    std::string reason;  // "", "object_missing", "members_not_ready", "cluster_unreachable", ...
    std::string message;
    instant since{};
    bool operator==(const status&) const = default;
};

std::string_view name(topology_mode) noexcept;
std::string_view name(storage_type) noexcept;
std::string_view name(operation_kind) noexcept;
std::string_view name(operation_phase) noexcept;
std::string_view name(observed_phase) noexcept;
std::string_view name(change_kind) noexcept;
std::string_view name(change_phase) noexcept;
std::string_view name(status_phase) noexcept;

// Every name of an enumeration, in the order of its values. For topology_mode, storage_type,
// operation_kind, operation_phase and status_phase.
template <class Enum>
std::span<const std::string_view> names_of() noexcept;

std::optional<topology_mode> topology_mode_from(std::string_view) noexcept;
std::optional<storage_type> storage_type_from(std::string_view) noexcept;
std::optional<operation_kind> operation_kind_from(std::string_view) noexcept;
std::optional<operation_phase> operation_phase_from(std::string_view) noexcept;
std::optional<status_phase> status_phase_from(std::string_view) noexcept;

}  // namespace domain
