#pragma once
// The desired state: projects and the records of databases. Plain values without JSON, HTTP or
// Kubernetes.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "domain/operation.hpp"
#include "domain/schedule.hpp"
#include "domain/topology.hpp"

namespace domain {

using labels = std::map<std::string, std::string>;

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
    std::optional<domain::schedule> schedule;

    bool deleted =
        false;  // deletion was requested; the record is deleted when nothing is left in the cluster
    std::string object_uid;  // of the cluster object once it was seen or created; empty before
    bool was_ready =
        false;  // was ready once: a later failure is degraded or failed, not provisioning

    // Not yet finished operations and the latest finished ones, oldest first (at most
    // operations_kept_max finished). They live in the database's own record so that desired state
    // and operation change in one revision-checked write.
    std::vector<operation> operations;
    instant schedule_handled_until{};  // edges of the schedule until then have had their effect

    std::int64_t revision = 0;  // of the stored record; +1 per write
    instant created_at{};
    instant updated_at{};
    bool operator==(const database&) const = default;
};

inline constexpr std::size_t operations_kept_max = 20;

}  // namespace domain
