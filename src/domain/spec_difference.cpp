#include "domain/spec_difference.hpp"

#include <algorithm>

#include "domain/engines.hpp"

namespace domain {

std::optional<change_kind> next_change(const database& record,
                                       const observed_database& observed) noexcept {
    const auto differs = [&](auto is_other) {
        return std::ranges::any_of(observed.topology.groups, [&](const node_group& present) {
            const auto* wanted = record.topology.find(present.role);
            return wanted != nullptr && is_other(*wanted, present);
        });
    };
    // Ephemeral storage has no volume to expand.
    const bool expands = differs([](const node_group& wanted, const node_group& present) {
        return wanted.storage.type == storage_type::durable &&
               wanted.storage.bytes > present.storage.bytes;
    });
    if (expands) return change_kind::volume_expansion;
    const bool resizes = differs([](const node_group& wanted, const node_group& present) {
        return wanted.size != present.size;
    });
    if (resizes) return change_kind::vertical_scaling;
    const bool scales = differs([](const node_group& wanted, const node_group& present) {
        return wanted.replicas != present.replicas;
    });
    if (scales || record.topology.mode != observed.topology.mode ||
        record.topology.shards != observed.topology.shards) {
        return change_kind::horizontal_scaling;
    }
    const bool shrinks = differs([](const node_group& wanted, const node_group& present) {
        return wanted.storage.type == storage_type::durable &&
               wanted.storage.bytes < present.storage.bytes;
    });
    if (shrinks) return change_kind::volume_expansion;
    return std::nullopt;
}

bool needs_update(const database& record, const observed_database& observed) noexcept {
    return record.labels != observed.labels || record.paused != observed.paused;
}

void adopt_observed_spec(database& record, const observed_database& observed) {
    auto& shape = record.topology;
    const bool is_other_mode = shape.mode != observed.topology.mode;
    shape.mode = observed.topology.mode;
    shape.shards = observed.topology.shards;
    const auto* rules = find_engine(record.engine);
    if (is_other_mode && rules != nullptr) complete_groups(shape, *rules);
    for (const auto& source : observed.topology.groups) {
        auto* group = shape.find(source.role);
        if (group == nullptr) continue;
        group->replicas = source.replicas;
        group->size = source.size;
        group->storage.bytes = source.storage.bytes;
    }
}

}  // namespace domain
