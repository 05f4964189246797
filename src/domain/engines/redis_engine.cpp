// Redis: Sentinel watches a replicated database; a Redis Cluster has at least 3 shards of 2.

#include <array>

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

// RedisSentinel is a separate object with its own OpsRequest kind, which the platform does not
// write yet: the group keeps the shape it was created with. Three sentinels are the fewest that
// still agree on a failover after one is lost.
constexpr std::array groups{
    group_rules{.role = "sentinel",
                .mode = topology_mode::replicated,
                .replicas = {3, 9},
                .replicas_default = 3,
                .size_default = {.cpu_millis = 500, .memory_bytes = 1 * gibi},
                .storage = group_storage::durable_only,
                .storage_bytes_default = 1 * gibi},
};

constexpr engine_rules rules{.engine = "redis",
                             .display_name = "Redis",
                             .replicated = {2, 9},
                             .shards = {3, 50},
                             .shard_replicas = {2, 6},
                             .replicated_since = {6, 2},
                             .scales_one_way = true,
                             .memory_bytes_min = 64 * mebi,
                             .storage_bytes_min = 64 * mebi,
                             .groups = groups};

}  // namespace

const engine_rules& redis_engine() noexcept {
    return rules;
}

}  // namespace domain
