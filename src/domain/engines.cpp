#include "domain/engines.hpp"

#include <array>

namespace domain {
namespace {

constexpr std::int64_t mebi = 1024 * 1024;
constexpr std::int64_t gibi = 1024 * mebi;

// What KubeDB gives such members when nobody says how much.
constexpr size mongodb_side_size{.cpu_millis = 800, .memory_bytes = 1536 * mebi};
constexpr size sentinel_size{.cpu_millis = 500, .memory_bytes = 1 * gibi};

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
     .scaled_replicas_most = 8,
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
     .config_servers = {3, mongodb_side_size, 2 * gibi},
     .routers = {2, mongodb_side_size}},
    {.engine = "redis",
     .display_name = "Redis",
     .replicated = {2, 9},
     .shards = {3, 50},
     .shard_replicas = {2, 6},
     .replicated_since = {6, 2},
     .scales_one_way = true,
     .memory_bytes_min = 64 * mebi,
     .storage_bytes_min = 64 * mebi,
     .sentinels = {3, sentinel_size, gibi}},  // the fewest that still agree when one is lost
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
