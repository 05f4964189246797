#pragma once
// Records and observed states for the tests of domain::decide. Plain values.

#include <cstdint>
#include <string>
#include <utility>

#include "domain/decide.hpp"
#include "domain/operation_lifecycle.hpp"
#include "domain/status.hpp"

namespace domain::fakes {

inline constexpr std::int64_t gibi = std::int64_t(1) << 30;
inline const base::instant start_time{std::chrono::seconds(1'000'000)};

inline database wanted_database() {
    database record;
    record.id = "db-a";
    record.project = "shop";
    record.name = "orders";
    record.engine = "postgres";
    record.version = "17.9";
    record.topology.data().size = {.cpu_millis = 500, .memory_bytes = gibi};
    record.topology.data().storage.bytes = 10 * gibi;
    begin_operation(record, {.id = "op-1", .kind = operation_kind::create}, start_time);
    return record;
}

// Returns the object of the record in the cluster, equal to the desired state.
inline observed_database shown(const database& record, observed_phase phase) {
    return {.exists = true,
            .uid = "uid-1",
            .owner_database_id = record.id,
            .phase = phase,
            .version = record.version,
            .topology = record.topology,
            .paused = record.paused,
            .labels = record.labels};
}

inline void scale_to_three(database& record) {
    record.topology.mode = topology_mode::replicated;
    record.topology.data().replicas = 3;
}

inline database running_database() {
    auto record = wanted_database();
    record.object_uid = "uid-1";
    record.was_ready = true;
    finish(*active_operation(record), operation_phase::succeeded, start_time);
    return record;
}

// The unfinished operation began to run at `start_time`, or at `begin` after it.
inline decide_context at(std::chrono::seconds later = {}, std::chrono::seconds begin = {}) {
    return {.now = start_time + later, .operation_age = later - begin};
}

inline status_phase phase_of(const database& record, const observed_database& observed) {
    return derive_status(record, &observed, {.cluster_known = true}).phase;
}

inline observed_change change(change_kind kind, change_phase phase, std::string operation_id) {
    return {.name = "c",
            .kind = kind,
            .phase = phase,
            .operation_id = std::move(operation_id),
            .created_at = start_time};
}

}  // namespace domain::fakes
