#pragma once
// The engines that the platform knows and the rules of each, as data. Each engine has its file in
// domain/engines/. How an engine looks as a KubeDB object is in kubedb/engine_dialect.hpp. The
// cluster's catalogue, read at run time, lists the versions. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "domain/desired.hpp"
#include "domain/release.hpp"
#include "domain/topology.hpp"

namespace domain {

struct replica_range {
    int min = 0;  // 0: the mode is not supported
    int max = 0;
    bool odd_only = false;
    [[nodiscard]] bool supported() const noexcept { return max > 0; }
};

// Which storage the members of a node group have.
enum class group_storage : std::uint8_t {
    none,
    durable_only,  // a volume each; nothing if the database's storage is ephemeral
    always         // a volume each, or a limit of the same size if the storage is ephemeral
};

// A node group that a topology mode has in addition to the data group.
struct group_rules {
    std::string_view role;  // "sentinel", "config", "router"
    topology_mode mode = topology_mode::cluster;
    replica_range replicas{};
    int replicas_default = 0;
    domain::size size_default{};
    group_storage storage = group_storage::none;
    std::int64_t storage_bytes_default = 0;
    // Whether an OpsRequest can change the group after creation, by kind of change.
    bool scales_horizontally = false;
    bool scales_vertically = false;
    bool expands_volumes = false;

    [[nodiscard]] bool has_storage(storage_type type) const noexcept {
        return storage == group_storage::always ||
               (storage == group_storage::durable_only && type == storage_type::durable);
    }
};

// Versions whose host names may not be long: of twice the name and the project's name together.
struct name_limit {
    int of_major = 0;
    std::size_t length_max = 0;  // 0 = none
};

struct engine_rules {
    std::string_view engine;        // "postgres"
    std::string_view display_name;  // "PostgreSQL"
    bool standalone = true;
    replica_range replicated{};      // members
    replica_range shards{};          // cluster mode: shards
    replica_range shard_replicas{};  // cluster mode: members per shard, primary included
    bool has_volumes = true;         // false: memcached
    bool can_pause = true;
    bool scales_to_standalone =
        false;  // horizontal scaling may cross the border between 1 and several members
    // Further limits of KubeDB's admission webhooks (engine_limits.hpp); 0 and {}: none.
    std::size_t replicated_name_max = 0;  // of the name of a replicated database
    release replicated_since{};           // earlier versions are standalone or clusters
    name_limit short_names{};
    int scaled_replicas_max = 0;  // a database created with more members keeps them
    bool scales_one_way = false;  // shards and members cannot change in opposite directions
    std::int64_t memory_bytes_min = 0;
    std::int64_t storage_bytes_min = 0;
    std::span<const group_rules> groups{};  // in addition to the data group; one row per mode
};

std::span<const engine_rules> all_engines() noexcept;
// Null when the platform does not know the engine.
const engine_rules* find_engine(std::string_view engine) noexcept;

struct size_preset {
    std::string_view name;  // "micro" ... "2xlarge"
    domain::size size;
};
std::span<const size_preset> size_presets() noexcept;
const size_preset* find_preset(std::string_view name) noexcept;
// The preset that has exactly this size, or null.
const size_preset* preset_of(const domain::size& size) noexcept;

// The rules of a group that `mode` has in addition to the data group. nullptr if there is none.
const group_rules* find_group(const engine_rules& rules, topology_mode mode,
                              std::string_view role) noexcept;

// Makes the groups those of the mode: adds the missing ones with the engine's defaults, erases the
// ones that the mode does not have. The storage class and type of an added group are those of the
// data group.
void complete_groups(topology& shape, const engine_rules& rules);

}  // namespace domain
