#include "domain/engines.hpp"

#include <array>

namespace domain {
namespace {

constexpr std::int64_t mebi = 1024 * 1024;
constexpr std::int64_t gibi = 1024 * mebi;

// Default sizes are those that KubeDB's webhooks fill in.
constexpr size mongodb_helper_size{.cpu_millis = 800, .memory_bytes = 1536 * mebi};
constexpr std::array mongodb_groups{
    group_rules{.role = "config",
                .mode = topology_mode::cluster,
                .replicas = {1, 7},  // a replica set has at most 7 voting members
                .replicas_default = 3,
                .size_default = mongodb_helper_size,
                .storage = group_storage::always,
                .storage_bytes_default = 2 * gibi,
                .scales_horizontally = true,
                .scales_vertically = true,
                .expands_volumes = true},
    group_rules{.role = "router",
                .mode = topology_mode::cluster,
                .replicas = {1, 20},
                .replicas_default = 2,
                .size_default = mongodb_helper_size,
                .scales_horizontally = true,
                .scales_vertically = true},
};
// RedisSentinel is a separate object with its own OpsRequest kind, which the platform does not
// write yet: the group keeps the shape it was created with. Three sentinels are the fewest that
// still agree on a failover after one is lost.
constexpr std::array redis_groups{
    group_rules{.role = "sentinel",
                .mode = topology_mode::replicated,
                .replicas = {3, 9},
                .replicas_default = 3,
                .size_default = {.cpu_millis = 500, .memory_bytes = 1 * gibi},
                .storage = group_storage::durable_only,
                .storage_bytes_default = 1 * gibi},
};

// Limits follow KubeDB's admission rules for kubedb.com/v1 and ops.kubedb.com/v1alpha1 (Redis
// Cluster: at least 3 shards of 2; MySQL Group Replication: 3 to 9 members; Galera: at least 3,
// odd). Which webhook each of the others is of: engine_limits_test.cpp.
constexpr std::array<engine_rules, 7> engines{{
    {.engine = "postgres",
     .display_name = "PostgreSQL",
     .replicated = {2, 9},
     .scales_to_standalone = true,
     .memory_bytes_min = 128 * mebi,
     .storage_bytes_min = 64 * mebi},
    {.engine = "mysql",
     .display_name = "MySQL",
     .replicated = {3, 9},
     .short_names = {.of_major = 5, .length_max = 43},
     .scaled_replicas_max = 8,
     .memory_bytes_min = 256 * mebi,
     .storage_bytes_min = 128 * mebi},
    {.engine = "mariadb",
     .display_name = "MariaDB",
     .replicated = {3, 9, true},
     .replicated_name_max = 32,
     .memory_bytes_min = 256 * mebi,
     .storage_bytes_min = 128 * mebi},
    {.engine = "mongodb",
     .display_name = "MongoDB",
     .replicated = {2, 9},
     .shards = {1, 20},
     .shard_replicas = {1, 9},
     .memory_bytes_min = 256 * mebi,
     .storage_bytes_min = 128 * mebi,
     .groups = mongodb_groups},
    {.engine = "redis",
     .display_name = "Redis",
     .replicated = {2, 9},
     .shards = {3, 50},
     .shard_replicas = {2, 6},
     .replicated_since = {6, 2},
     .scales_one_way = true,
     .memory_bytes_min = 64 * mebi,
     .storage_bytes_min = 64 * mebi,
     .groups = redis_groups},
    {.engine = "elasticsearch",
     .display_name = "Elasticsearch",
     .replicated = {2, 20},
     .scales_to_standalone = true,
     .memory_bytes_min = 512 * mebi,
     .storage_bytes_min = 256 * mebi},
    {.engine = "memcached",
     .display_name = "Memcached",
     .replicated = {2, 20},
     .has_volumes = false,
     .memory_bytes_min = 64 * mebi},
}};

constexpr std::array<size_preset, 6> presets{{
    {"micro", {.cpu_millis = 250, .memory_bytes = 512 * mebi}},
    {"small", {.cpu_millis = 500, .memory_bytes = 1 * gibi}},
    {"medium", {.cpu_millis = 1000, .memory_bytes = 2 * gibi}},
    {"large", {.cpu_millis = 2000, .memory_bytes = 4 * gibi}},
    {"xlarge", {.cpu_millis = 4000, .memory_bytes = 8 * gibi}},
    {"2xlarge", {.cpu_millis = 8000, .memory_bytes = 16 * gibi}},
}};

}  // namespace

std::span<const engine_rules> all_engines() noexcept {
    return engines;
}

const engine_rules* find_engine(std::string_view engine) noexcept {
    for (const auto& rules : engines) {
        if (rules.engine == engine) return &rules;
    }
    return nullptr;
}

const group_rules* find_group(const engine_rules& rules, topology_mode mode,
                              std::string_view role) noexcept {
    for (const auto& group : rules.groups) {
        if (group.mode == mode && group.role == role) return &group;
    }
    return nullptr;
}

void complete_groups(topology& shape, const engine_rules& rules) {
    std::vector<node_group> groups{std::move(shape.data())};
    const storage volume = groups.front().storage;
    for (const auto& group : rules.groups) {
        if (group.mode != shape.mode) continue;
        if (auto* present = shape.find(group.role)) {
            groups.push_back(std::move(*present));
            continue;
        }
        node_group added{.role = std::string(group.role),
                         .replicas = group.replicas_default,
                         .size = group.size_default,
                         .storage = {}};
        if (group.has_storage(volume.type)) {
            added.storage = {.bytes = group.storage_bytes_default,
                             .storage_class = volume.storage_class,
                             .type = volume.type};
        }
        groups.push_back(std::move(added));
    }
    shape.groups = std::move(groups);
}

std::span<const size_preset> size_presets() noexcept {
    return presets;
}

const size_preset* find_preset(std::string_view name) noexcept {
    for (const auto& preset : presets) {
        if (preset.name == name) return &preset;
    }
    return nullptr;
}

const size_preset* preset_of(const domain::size& size) noexcept {
    for (const auto& preset : presets) {
        if (preset.size == size) return &preset;
    }
    return nullptr;
}

}  // namespace domain
