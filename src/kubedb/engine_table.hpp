#pragma once
// Describes, as data, how each engine is written in KubeDB objects. The features of an engine are
// in domain/engines.hpp. Names and shapes: KubeDB's API (kubedb.com/v1, ops.kubedb.com/v1alpha1,
// catalog.kubedb.com).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kubedb {

// Selects how replicated and cluster topologies are written in the spec.
enum class topology_style : unsigned char {
    replicas,     // spec.replicas only
    postgres,     // spec.replicas, standbyMode, streamingMode
    group,        // spec.replicas, topology.mode GroupReplication
    galera,       // spec.replicas only: more than 1 is Galera
    replica_set,  // spec.replicas, replicaSet.name; sharded: shardTopology
    redis,        // mode Standalone | Sentinel | Cluster
};

// An object that a replicated database names and that must exist (dependent_object.hpp). The number
// and the size of its members are in domain/engines.hpp.
struct companion_kind {
    std::string_view kind;    // "RedisSentinel"; empty: the engine needs none
    std::string_view plural;  // "redissentinels"
    std::string_view suffix;  // its name is the database's name and this suffix
    std::string_view container;
};

struct engine_kind {
    std::string_view engine;
    std::string_view kind;    // "Postgres"
    std::string_view plural;  // "postgreses"
    std::string_view container;
    topology_style style;
    // Keys of the component in OpsRequests, by type; "" if the engine has no request of the type.
    std::string_view vertical_key;
    std::string_view horizontal_key;
    std::string_view volume_key;
    int default_port;
    std::string_view scheme;  // of a connection URI
    std::string_view default_database;
    bool can_halt = true;
    bool has_volumes = true;
    companion_kind companion{};

    [[nodiscard]] std::string ops_kind() const { return std::string(kind) + "OpsRequest"; }
    [[nodiscard]] std::string ops_plural() const;      // "postgresopsrequests"
    [[nodiscard]] std::string version_plural() const;  // "postgresversions"
    [[nodiscard]] std::string name_label() const {     // app.kubernetes.io/name
        return std::string(plural) + ".kubedb.com";
    }
};

std::span<const engine_kind> all_kinds() noexcept;
const engine_kind* find_kind(std::string_view engine) noexcept;
const engine_kind* kind_of_plural(std::string_view plural) noexcept;

}  // namespace kubedb
