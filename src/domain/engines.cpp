#include "domain/engines.hpp"

#include <array>

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

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
    static const std::array engines{
        postgres_engine(), mysql_engine(),         mariadb_engine(),   mongodb_engine(),
        redis_engine(),    elasticsearch_engine(), memcached_engine(),
    };
    return engines;
}

const engine_rules* find_engine(std::string_view engine) noexcept {
    for (const auto& rules : all_engines()) {
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
