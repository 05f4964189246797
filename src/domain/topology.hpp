#pragma once
// The shape of a database: its topology mode and its node groups. A node group is a set of equal
// members: the members that hold the data, or helpers such as routers, config servers and
// sentinels. engines.hpp lists the groups that each engine has. Plain values.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace domain {

enum class topology_mode : std::uint8_t { standalone, replicated, cluster };

struct size {
    std::int64_t cpu_millis = 0;
    std::int64_t memory_bytes = 0;
    bool operator==(const size&) const = default;
};

enum class storage_type : std::uint8_t { durable, ephemeral };

struct storage {
    std::int64_t bytes = 0;     // per member; 0 if the group has no volumes
    std::string storage_class;  // empty = the cluster's default
    storage_type type = storage_type::durable;
    bool operator==(const storage&) const = default;
};

inline constexpr std::string_view data_role = "data";

struct node_group {
    std::string role{data_role};  // "data", "sentinel", "config", "router"
    int replicas = 1;             // members; of the data group of a cluster: members per shard,
                                  // the primary included
    domain::size size;            // of each member
    domain::storage storage;
    bool operator==(const node_group&) const = default;
};

struct topology {
    topology_mode mode = topology_mode::standalone;
    int shards = 1;  // 1 unless mode is cluster
    // Never empty. The first group holds the data, the others follow in the order of the engine's
    // rules.
    std::vector<node_group> groups{node_group{}};
    bool operator==(const topology&) const = default;

    [[nodiscard]] node_group& data() noexcept { return groups.front(); }
    [[nodiscard]] const node_group& data() const noexcept { return groups.front(); }
    // nullptr if the topology has no such group.
    [[nodiscard]] node_group* find(std::string_view role) noexcept {
        const auto it = std::ranges::find(groups, role, &node_group::role);
        return it == groups.end() ? nullptr : &*it;
    }
    [[nodiscard]] const node_group* find(std::string_view role) const noexcept {
        const auto it = std::ranges::find(groups, role, &node_group::role);
        return it == groups.end() ? nullptr : &*it;
    }
    // Members of `group`: the data group has its replicas once per shard.
    [[nodiscard]] int member_count(const node_group& group) const noexcept {
        const bool is_sharded = mode == topology_mode::cluster && group.role == data_role;
        return is_sharded ? shards * group.replicas : group.replicas;
    }
};

std::string_view name(topology_mode) noexcept;
std::string_view name(storage_type) noexcept;
// Returns std::nullopt for another text.
std::optional<topology_mode> topology_mode_from(std::string_view text) noexcept;
// Returns std::nullopt for another text.
std::optional<storage_type> storage_type_from(std::string_view text) noexcept;

}  // namespace domain
