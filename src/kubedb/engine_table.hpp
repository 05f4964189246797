#pragma once
// How each engine looks as KubeDB objects, as data. What an engine can do is in domain/engines.hpp.
// Names and shapes: KubeDB's API (kubedb.com/v1, ops.kubedb.com/v1alpha1, catalog.kubedb.com).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kubedb {

// How replicated and cluster topologies are written in the spec.
enum class topology_style : unsigned char {
    replicas,     // spec.replicas alone says it
    postgres,     // and standbyMode, streamingMode
    group,        // and topology.mode GroupReplication
    galera,       // nothing more: replicas > 1 is Galera
    replica_set,  // and replicaSet.name; sharded: shardTopology
    redis,        // mode Standalone | Sentinel | Cluster
};

// An object that a replicated database names and that must exist beside it (companion.hpp). How
// many members it has, and how large, is in domain/engines.hpp.
struct companion_kind {
    std::string_view kind;    // "RedisSentinel"; empty: the engine needs none
    std::string_view plural;  // "redissentinels"
    std::string_view suffix;  // of its name, after the database's
    std::string_view container;
};

struct engine_kind {
    std::string_view engine;
    std::string_view kind;    // "Postgres"
    std::string_view plural;  // "postgreses"
    std::string_view container;
    topology_style style;
    // Keys of the component in OpsRequests, by type. "" = not by that type.
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
