#pragma once
// The engines the platform knows and what each can do, as data. How an engine looks as a KubeDB
// object is in kubedb/engine_table.hpp; which versions exist is the cluster's catalogue, read at
// run time. Pure.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "domain/types.hpp"

namespace domain {

struct replica_range {
    int least = 0;  // 0 = the mode is not supported
    int most = 0;
    bool odd_only = false;
    [[nodiscard]] bool supported() const noexcept { return most > 0; }
};

// Members that a topology needs beside the database's own, all alike. They count in every quota.
struct side_members {
    int count = 0;
    domain::size size{};             // of each
    std::int64_t storage_bytes = 0;  // of each, where the database's own storage is durable
};

struct release {
    int major_number = 0;
    int minor_number = 0;
    auto operator<=>(const release&) const = default;
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
    // What KubeDB's admission refuses besides (engine_limits.hpp); 0 and {} = nothing.
    std::size_t replicated_name_max = 0;  // of the name of a replicated database
    release replicated_since{};           // earlier versions are standalone or clusters
    name_limit short_names{};
    int scaled_replicas_most = 0;  // more members must have been there from the start
    bool scales_one_way = false;   // not one of shards and members up and the other down
    std::int64_t memory_bytes_min = 0;
    std::int64_t storage_bytes_min = 0;
    side_members sentinels{};       // beside a replicated database
    side_members config_servers{};  // beside a cluster
    side_members routers{};         // beside a cluster
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

// How many members (processes with a volume of their own) a topology has.
constexpr int member_count(const topology& shape) noexcept {
    return shape.mode == topology_mode::cluster ? shape.shards * shape.replicas : shape.replicas;
}

}  // namespace domain
