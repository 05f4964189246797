#pragma once
// Requests as the client sent them: every field is optional, quantities are text. validate.hpp
// turns a request into a record or into the list of all its field errors. `unread` holds the errors
// of reading: unknown members and members of a wrong type. Plain values.

#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"

#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/topology.hpp"

namespace domain {

struct size_request {  // a preset, or both others
    std::optional<std::string> preset;
    std::optional<std::string> cpu;     // "500m"
    std::optional<std::string> memory;  // "1Gi"
};

struct storage_request {
    std::optional<std::string> size;           // "10Gi"
    std::optional<std::string> storage_class;  // JSON member "class"
    std::optional<std::string> type;           // "durable" | "ephemeral"
};

// One node group by its role. The entry of the data group says the same as topology.replicas, size
// and storage of the request.
struct group_request {
    std::optional<std::string> role;
    std::optional<std::int64_t> replicas;
    std::optional<size_request> size;
    std::optional<storage_request> storage;
};

struct topology_request {
    std::optional<std::string> mode;       // "standalone" | "replicated" | "cluster"
    std::optional<std::int64_t> replicas;  // of the data group
    std::optional<std::int64_t> shards;
    std::optional<std::vector<group_request>> groups;
};

struct off_window_request {
    std::optional<std::vector<std::string>> days;  // "mon" ... "sun"
    std::optional<std::string> begin;              // JSON member "from": "20:00"
    std::optional<std::string> end;                // JSON member "to"
};

struct schedule_request {
    std::optional<std::string> utc_offset;  // "+01:00"
    std::optional<std::vector<off_window_request>> off;
};
// The member `schedule` of a request. Without a value inside: null, no schedule.
using schedule_member = std::optional<std::optional<schedule_request>>;

struct create_request {
    std::optional<std::string> project;
    std::optional<std::string> name;
    std::optional<std::string> engine;
    std::optional<std::string> version;
    std::optional<topology_request> topology;
    std::optional<size_request> size;
    std::optional<storage_request> storage;
    std::optional<domain::labels> labels;  // JSON member "labels"
    std::optional<bool> deletion_protection;
    std::optional<bool> monitoring;
    schedule_member schedule;
    std::vector<base::field_error> unread;
};

// Labels of a merge patch (RFC 7396). A label without a value is deleted.
using label_changes = std::map<std::string, std::optional<std::string>>;

// A merge patch of the mutable fields.
struct patch_request {
    std::optional<topology_request> topology;
    std::optional<size_request> size;
    std::optional<storage_request> storage;
    std::optional<label_changes> labels;  // JSON member "labels"
    std::optional<bool> deletion_protection;
    std::optional<bool> paused;
    schedule_member schedule;
    // Immutable members of the patch with their values ("engine" -> "mysql"). Only an unchanged
    // value is valid, so that a client may send back a whole document with one change in it.
    std::map<std::string, std::string> immutable;
    std::vector<base::field_error> unread;
};

// A new project, or a merge patch of one.
struct project_request {
    std::optional<std::string> name;  // in a patch: immutable
    std::optional<std::string> display_name;
    std::optional<label_changes> labels;  // JSON member "labels"
    // quota{databases, cpu, memory, storage}; 0 or "0" = no limit
    std::optional<std::int64_t> max_databases;
    std::optional<std::string> max_cpu;
    std::optional<std::string> max_memory;
    std::optional<std::string> max_storage;
    std::vector<base::field_error> unread;
};

}  // namespace domain
