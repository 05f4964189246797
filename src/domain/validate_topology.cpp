#include "domain/validate_topology.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/quantity.hpp"
#include "domain/engine_limits.hpp"
#include "domain/text_rules.hpp"

namespace domain {
namespace {

constexpr std::int64_t storage_bytes_default = std::int64_t(10) << 30;
constexpr std::int64_t storage_bytes_max = std::int64_t(64) << 40;
constexpr std::size_t groups_max = 8;
constexpr quantity_range cpu_range{.min = 50, .max = 512'000};
constexpr std::int64_t memory_bytes_max = std::int64_t(4) << 40;

int clamp_to_int(std::int64_t value) noexcept {
    return static_cast<int>(std::clamp<std::int64_t>(value, -1, 1'000'000));
}

void check_range(int value, const replica_range& range, std::string pointer, std::string_view noun,
                 field_errors& errors) {
    if (value < range.min || value > range.max) {
        errors.add(std::move(pointer), "out_of_range",
                   fmt::format("{} must be from {} to {}", noun, range.min, range.max));
    } else if (range.odd_only && value % 2 == 0) {
        errors.add(std::move(pointer), "must_be_odd", fmt::format("{} must be odd", noun));
    }
}

std::vector<std::string_view> modes_of(const engine_rules& rules) {
    std::vector<std::string_view> names;
    if (rules.standalone) names.push_back(name(topology_mode::standalone));
    if (rules.replicated.supported()) names.push_back(name(topology_mode::replicated));
    if (rules.shards.supported()) names.push_back(name(topology_mode::cluster));
    return names;
}

bool supports(const engine_rules& rules, topology_mode mode) noexcept {
    switch (mode) {
        case topology_mode::standalone:
            return rules.standalone;
        case topology_mode::replicated:
            return rules.replicated.supported();
        case topology_mode::cluster:
            return rules.shards.supported();
    }
    return false;
}

int default_replicas(const engine_rules& rules, topology_mode mode) noexcept {
    if (mode == topology_mode::cluster) return rules.shard_replicas.min;
    if (mode == topology_mode::standalone) return 1;
    return std::clamp(3, rules.replicated.min, rules.replicated.max);
}

// One group of a request, and the JSON pointers of its parts.
struct group_source {
    std::optional<std::int64_t> replicas;
    const size_request* size = nullptr;
    const storage_request* storage = nullptr;
    std::string replicas_pointer;
    std::string size_pointer;
    std::string storage_pointer;
};

template <class Part>
const Part* pointer_to_value(const std::optional<Part>& part) noexcept {
    return part ? &*part : nullptr;
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

// The rules of the group that is read.
struct group_context {
    const engine_rules& rules;
    const group_rules* group = nullptr;  // nullptr for the data group
    bool is_create = false;              // of the database: a size must be complete
    bool is_new = false;  // the present topology has no such group; its values are the defaults
    bool has_storage = false;

    [[nodiscard]] std::string label() const {
        return group == nullptr
                   ? std::string(rules.display_name)
                   : fmt::format("the {} group of {}", group->role, rules.display_name);
    }
};

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

// The group after the request. `base` holds the values of fields that are left out.
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

void check_group_change(const group_rules& rules, const group_source& source,
                        const group_context& context, const node_group& present,
                        const node_group& next, field_errors& errors) {
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

class shape_reader {
  public:
    shape_reader(const shape_request& wanted, const engine_rules& rules, const topology* present,
                 field_errors& errors)
        : wanted_(wanted), rules_(rules), present_(present), errors_(errors) {
        if (present != nullptr) {
            next_ = *present;
        } else {
            auto& data = next_.data();
            data.size = find_preset("small")->size;
            if (rules.has_volumes) data.storage.bytes = storage_bytes_default;
        }
    }

    topology read() {
        if (!read_mode() || !index_groups()) return std::move(next_);
        read_data_group();
        // A patch without a topology is valid for a database that was scaled beyond the limits in
        // the cluster.
        if (present_ == nullptr || wanted_.topology) {
            check_replicas();
            check_shards();
            complete_groups(next_, rules_);
        }
        const auto& entries = groups();
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (entries[i].role && *entries[i].role != data_role) read_helper(entries[i], i);
        }
        return std::move(next_);
    }

  private:
    [[nodiscard]] const std::vector<group_request>& groups() const {
        static const std::vector<group_request> none;
        return wanted_.topology && wanted_.topology->groups ? *wanted_.topology->groups : none;
    }

    bool read_mode() {
        if (!wanted_.topology) return true;
        if (wanted_.topology->mode) {
            const auto mode = topology_mode_from(*wanted_.topology->mode);
            if (!mode || !supports(rules_, *mode)) {
                errors_.add("/topology/mode", "unsupported",
                            fmt::format("{} supports: {}", rules_.display_name,
                                        fmt::join(modes_of(rules_), ", ")));
                return false;
            }
            if (*mode != next_.mode) {
                next_.mode = *mode;
                next_.shards = *mode == topology_mode::cluster ? rules_.shards.min : 1;
                next_.data().replicas = default_replicas(rules_, *mode);
            }
        }
        if (wanted_.topology->shards) next_.shards = clamp_to_int(*wanted_.topology->shards);
        return true;
    }

    // Checks that every entry has a distinct role that the mode has.
    bool index_groups() {
        const auto& entries = groups();
        if (entries.size() > groups_max) {
            errors_.add(
                "/topology/groups", "too_many",
                fmt::format("must have at most {} entries, has {}", groups_max, entries.size()));
            return false;
        }
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const auto pointer = fmt::format("/topology/groups/{}/role", i);
            if (!entries[i].role) {
                errors_.add(pointer, "required", "must be given");
                continue;
            }
            const auto& role = *entries[i].role;
            const auto first = std::ranges::find(entries, entries[i].role, &group_request::role);
            if (first != entries.begin() + std::ptrdiff_t(i)) {
                errors_.add(pointer, "repeated", "a group can be given only once");
            } else if (role == data_role) {
                data_index_ = i;
            } else if (find_group(rules_, next_.mode, role) == nullptr) {
                errors_.add(pointer, "unknown_role", roles_text());
            }
        }
        return true;
    }

    [[nodiscard]] std::string roles_text() const {
        std::vector<std::string_view> roles{data_role};
        for (const auto& group : rules_.groups) {
            if (group.mode == next_.mode) roles.push_back(group.role);
        }
        return fmt::format("the groups of {} in mode {} are: {}", rules_.display_name,
                           name(next_.mode), fmt::join(roles, ", "));
    }

    void read_data_group() {
        group_source short_form{.size = pointer_to_value(wanted_.size),
                                .storage = pointer_to_value(wanted_.storage),
                                .replicas_pointer = "/topology/replicas",
                                .size_pointer = "/size",
                                .storage_pointer = "/storage"};
        if (wanted_.topology) short_form.replicas = wanted_.topology->replicas;
        group_source long_form;
        if (data_index_) long_form = source_of(groups()[*data_index_], *data_index_);
        const group_context context{.rules = rules_,
                                    .is_create = present_ == nullptr,
                                    .is_new = present_ == nullptr,
                                    .has_storage = rules_.has_volumes};
        const node_group base = next_.data();
        const auto count = errors_.count();
        const auto first = read_group(short_form, context, base, errors_);
        const auto second = read_group(long_form, context, base, errors_);
        is_consistent_ = errors_.count() == count;
        const node_group& present = present_ == nullptr ? base : present_->data();
        auto& data = next_.data();
        const bool uses_long_form =
            merge({short_form.replicas.has_value(), first.replicas, short_form.replicas_pointer},
                  {long_form.replicas.has_value(), second.replicas, long_form.replicas_pointer},
                  present.replicas, data.replicas);
        merge({short_form.size != nullptr, first.size, short_form.size_pointer},
              {long_form.size != nullptr, second.size, long_form.size_pointer}, present.size,
              data.size);
        merge({short_form.storage != nullptr, first.storage, short_form.storage_pointer},
              {long_form.storage != nullptr, second.storage, long_form.storage_pointer},
              present.storage, data.storage);
        if (uses_long_form) replicas_pointer_ = long_form.replicas_pointer;
    }

    template <class Value>
    struct form {
        bool is_given = false;
        const Value& value;
        const std::string& pointer;
    };

    // Stores the value that the two forms agree on. Returns whether it is that of the long form
    // alone.
    template <class Value>
    bool merge(const form<Value>& first, const form<Value>& second, const Value& present,
               Value& out) {
        const bool are_both_given = first.is_given && second.is_given;
        const bool is_conflict = are_both_given && first.value != second.value;
        const bool is_new = present_ == nullptr;
        const bool first_yields = is_conflict && !is_new && first.value == present;
        const bool second_yields = is_conflict && !is_new && second.value == present;
        if (is_conflict && is_consistent_ && !first_yields && !second_yields) {
            errors_.add(first.pointer, "ambiguous",
                        fmt::format("contradicts {}; give one or the other", second.pointer));
        }
        const bool uses_second = second.is_given && (!first.is_given || first_yields);
        if (first.is_given || second.is_given) out = uses_second ? second.value : first.value;
        return uses_second;
    }

    void check_replicas() {
        const auto& pointer = replicas_pointer_;
        const int replicas = next_.data().replicas;
        switch (next_.mode) {
            case topology_mode::standalone:
                if (replicas != 1) {
                    errors_.add(pointer, "out_of_range",
                                "must be 1 in mode standalone; for more, set mode to replicated");
                }
                break;
            case topology_mode::replicated:
                check_range(replicas, rules_.replicated, pointer, "replicas", errors_);
                break;
            case topology_mode::cluster:
                check_range(replicas, rules_.shard_replicas, pointer,
                            "replicas (members per shard, the primary included)", errors_);
                break;
        }
    }

    void check_shards() {
        if (next_.mode == topology_mode::cluster) {
            check_range(next_.shards, rules_.shards, "/topology/shards", "shards", errors_);
        } else if (next_.shards != 1) {
            errors_.add("/topology/shards", "out_of_range", "must be 1 unless mode is cluster");
        }
    }

    // Reads a group other than the data group.
    void read_helper(const group_request& wanted, std::size_t index) {
        const auto* rules = find_group(rules_, next_.mode, *wanted.role);
        auto* group = next_.find(*wanted.role);
        if (rules == nullptr || group == nullptr) return;
        const auto source = source_of(wanted, index);
        const auto* present = present_ == nullptr ? nullptr : present_->find(*wanted.role);
        const group_context context{.rules = rules_,
                                    .group = rules,
                                    .is_create = present_ == nullptr,
                                    .is_new = present == nullptr,
                                    .has_storage = rules->has_storage(next_.data().storage.type)};
        const auto next = read_group(source, context, *group, errors_);
        if (source.replicas) {
            check_range(next.replicas, rules->replicas, source.replicas_pointer, "replicas",
                        errors_);
        }
        if (present != nullptr) {
            check_group_change(*rules, source, context, *present, next, errors_);
        }
        *group = next;
    }

    const shape_request& wanted_;
    const engine_rules& rules_;
    const topology* present_;
    field_errors& errors_;
    topology next_;
    std::optional<std::size_t> data_index_;
    std::string replicas_pointer_ = "/topology/replicas";
    bool is_consistent_ = true;
};

}  // namespace

topology read_shape(const shape_request& wanted, const engine_rules& rules, const topology* present,
                    field_errors& errors) {
    return shape_reader(wanted, rules, present, errors).read();
}

std::optional<std::int64_t> read_quantity(const std::string& text, quantity_unit unit,
                                          std::string pointer, quantity_range range,
                                          field_errors& errors) {
    const bool is_cpu = unit == quantity_unit::cpu_millis;
    const auto value = is_cpu ? base::parse_millis(text) : base::parse_bytes(text);
    if (!value) {
        const bool is_huge = value.error().code == base::errc::limit;
        errors.add(std::move(pointer), is_huge ? "out_of_range" : "bad_quantity",
                   value.error().text);
        return std::nullopt;
    }
    if (*value < range.min || *value > range.max) {
        const auto show = [&](std::int64_t limit) {
            return is_cpu ? base::format_millis(limit) : base::bytes_text(limit);
        };
        errors.add(std::move(pointer), "out_of_range",
                   fmt::format("must be from {} to {}", show(range.min), show(range.max)));
        return std::nullopt;
    }
    return *value;
}

}  // namespace domain
