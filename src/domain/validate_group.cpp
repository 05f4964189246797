#include "domain/validate_group.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/quantity.hpp"
#include "domain/quantity_rules.hpp"
#include "domain/text_rules.hpp"

namespace domain {
namespace {

constexpr std::int64_t storage_bytes_max = std::int64_t(64) << 40;
constexpr quantity_range cpu_range{.min = 50, .max = 512'000};
constexpr std::int64_t memory_bytes_max = std::int64_t(4) << 40;

// Adds an error and returns nullptr if there is no such preset, or if cpu and memory, which
// responses show next to the preset, are not those of the preset.
const size_preset* read_preset(const size_request& wanted, const std::string& pointer,
                               field_errors& errors) {
    const auto* preset = find_preset(*wanted.preset);
    if (preset == nullptr) {
        std::vector<std::string_view> names;
        for (const auto& known : size_presets()) names.push_back(known.name);
        errors.add(pointer + "/preset", "unknown_preset",
                   fmt::format("known presets: {}", fmt::join(names, ", ")));
        return nullptr;
    }
    const bool agrees =
        (!wanted.cpu || base::parse_millis(*wanted.cpu) == preset->size.cpu_millis) &&
        (!wanted.memory || base::parse_bytes(*wanted.memory) == preset->size.memory_bytes);
    if (agrees) return preset;
    errors.add(pointer, "ambiguous", "cpu and memory contradict the preset; give one or the other");
    return nullptr;
}

size read_size(const size_request& wanted, const std::string& pointer, const group_context& context,
               const size& present, field_errors& errors) {
    size result = present;
    if (wanted.preset) {
        const auto* preset = read_preset(wanted, pointer, errors);
        if (preset == nullptr) return present;
        result = preset->size;
    } else if (context.is_create && (!wanted.cpu || !wanted.memory)) {
        errors.add(pointer + (wanted.cpu ? "/memory" : "/cpu"), "required",
                   "give a preset, or both cpu and memory");
    }
    if (wanted.cpu) {
        if (const auto cpu = read_quantity(*wanted.cpu, quantity_unit::cpu_millis, pointer + "/cpu",
                                           cpu_range, errors)) {
            result.cpu_millis = *cpu;
        }
    }
    const auto memory_min = context.rules.memory_bytes_min;
    if (wanted.memory) {
        if (const auto memory =
                read_quantity(*wanted.memory, quantity_unit::bytes, pointer + "/memory",
                              {.min = memory_min, .max = memory_bytes_max}, errors)) {
            result.memory_bytes = *memory;
        }
    } else if (result.memory_bytes < memory_min) {
        errors.add(pointer + "/preset", "out_of_range",
                   fmt::format("{} needs at least {} of memory", context.rules.display_name,
                               base::bytes_text(memory_min)));
    }
    return result;
}

// A group without storage accepts the storage that responses show for it.
void check_no_storage(const storage_request& wanted, const std::string& pointer,
                      const group_context& context, const storage& present, field_errors& errors) {
    const bool is_none = (!wanted.size || base::parse_bytes(*wanted.size) == 0) &&
                         (!wanted.storage_class || wanted.storage_class->empty()) &&
                         (!wanted.type || storage_type_from(*wanted.type) == present.type);
    if (is_none) return;
    errors.add(pointer, "unsupported",
               context.group == nullptr
                   ? fmt::format("{} keeps its data in memory only", context.rules.display_name)
                   : fmt::format("{} has no storage in this topology", context.label()));
}

storage read_storage(const storage_request& wanted, const std::string& pointer,
                     const group_context& context, const storage& present, field_errors& errors) {
    storage result = present;
    if (!context.has_storage) {
        check_no_storage(wanted, pointer, context, present, errors);
        return result;
    }
    if (wanted.size) {
        if (const auto bytes = read_quantity(
                *wanted.size, quantity_unit::bytes, pointer + "/size",
                {.min = context.rules.storage_bytes_min, .max = storage_bytes_max}, errors)) {
            result.bytes = *bytes;
        }
    }
    if (wanted.storage_class) {
        if (!wanted.storage_class->empty() && !is_dns_subdomain(*wanted.storage_class)) {
            errors.add(pointer + "/class", "bad_name",
                       "must be the name of a StorageClass: a DNS subdomain");
        }
        result.storage_class = *wanted.storage_class;
    }
    if (!wanted.type) return result;
    const auto type = storage_type_from(*wanted.type);
    if (!type) {
        errors.add(pointer + "/type", "unknown_value", "must be durable or ephemeral");
    } else if (context.group != nullptr && *type != present.type) {
        errors.add(
            pointer + "/type", "unsupported",
            fmt::format("must be {}, the storage type of the data group", name(present.type)));
    } else {
        result.type = *type;
    }
    return result;
}

void check_storage_change(const storage& present, const storage& next, const std::string& pointer,
                          field_errors& errors) {
    if (next.bytes < present.bytes) {
        errors.add(pointer + "/size", "cannot_shrink",
                   fmt::format("storage cannot shrink; must be at least {}",
                               base::bytes_text(present.bytes)));
    }
    if (next.storage_class != present.storage_class) {
        errors.add(pointer + "/class", "immutable", "cannot be changed after creation");
    }
    if (next.type != present.type) {
        errors.add(pointer + "/type", "immutable", "cannot be changed after creation");
    }
    if (present.type == storage_type::ephemeral && next.bytes != present.bytes) {
        errors.add(pointer + "/size", "unsupported", "ephemeral storage cannot be resized");
    }
}

}  // namespace

std::string group_context::label() const {
    if (group == nullptr) return std::string(rules.display_name);
    return fmt::format("the {} group of {}", group->role, rules.display_name);
}

int clamp_to_int(std::int64_t value) noexcept {
    return static_cast<int>(std::clamp<std::int64_t>(value, -1, 1'000'000));
}

group_source source_of(const group_request& wanted, std::size_t index) {
    const auto pointer = fmt::format("/topology/groups/{}", index);
    return {.replicas = wanted.replicas,
            .size = pointer_to_value(wanted.size),
            .storage = pointer_to_value(wanted.storage),
            .replicas_pointer = pointer + "/replicas",
            .size_pointer = pointer + "/size",
            .storage_pointer = pointer + "/storage"};
}

node_group read_group(const group_source& source, const group_context& context,
                      const node_group& base, field_errors& errors) {
    node_group next = base;
    if (source.replicas) next.replicas = clamp_to_int(*source.replicas);
    if (source.size != nullptr) {
        next.size = read_size(*source.size, source.size_pointer, context, base.size, errors);
    }
    if (source.storage != nullptr) {
        next.storage =
            read_storage(*source.storage, source.storage_pointer, context, base.storage, errors);
        if (!context.is_new) {
            check_storage_change(base.storage, next.storage, source.storage_pointer, errors);
        }
    }
    return next;
}

void check_group_change(const group_source& source, const group_context& context,
                        const node_group& present, const node_group& next, field_errors& errors) {
    const auto& rules = *context.group;
    const auto check = [&](bool is_same, bool is_allowed, const std::string& pointer) {
        if (is_same || is_allowed) return;
        errors.add(pointer, "unsupported",
                   fmt::format("{} cannot be changed after creation", context.label()));
    };
    check(next.replicas == present.replicas, rules.scales_horizontally, source.replicas_pointer);
    check(next.size == present.size, rules.scales_vertically, source.size_pointer);
    check(next.storage.bytes == present.storage.bytes, rules.expands_volumes,
          source.storage_pointer + "/size");
}

}  // namespace domain
