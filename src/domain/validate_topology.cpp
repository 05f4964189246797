#include "domain/validate_topology.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "domain/validate_group.hpp"

namespace domain {
namespace {

constexpr std::int64_t storage_bytes_default = std::int64_t(10) << 30;
constexpr std::size_t groups_max = 8;

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
            check_group_change(source, context, *present, next, errors_);
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

}  // namespace domain
