// MongoDB: replica sets, and sharded clusters with config servers and routers.

#include <array>

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

// Default sizes are those that KubeDB's webhooks fill in.
constexpr size helper_size{.cpu_millis = 800, .memory_bytes = 1536 * mebi};
constexpr std::array groups{
    group_rules{.role = "config",
                .mode = topology_mode::cluster,
                .replicas = {1, 7},  // a replica set has at most 7 voting members
                .replicas_default = 3,
                .size_default = helper_size,
                .storage = group_storage::always,
                .storage_bytes_default = 2 * gibi,
                .scales_horizontally = true,
                .scales_vertically = true,
                .expands_volumes = true},
    group_rules{.role = "router",
                .mode = topology_mode::cluster,
                .replicas = {1, 20},
                .replicas_default = 2,
                .size_default = helper_size,
                .scales_horizontally = true,
                .scales_vertically = true},
};

constexpr engine_rules rules{.engine = "mongodb",
                             .display_name = "MongoDB",
                             .replicated = {2, 9},
                             .shards = {1, 20},
                             .shard_replicas = {1, 9},
                             .memory_bytes_min = 256 * mebi,
                             .storage_bytes_min = 128 * mebi,
                             .groups = groups};

}  // namespace

const engine_rules& mongodb_engine() noexcept {
    return rules;
}

}  // namespace domain
