#include "domain/engine_limits.hpp"

#include <fmt/format.h>

#include "domain/release.hpp"

namespace domain {
std::vector<base::field_error> creation_errors(const database& wanted, const engine_rules& rules) {
    std::vector<base::field_error> errors;
    const bool several = wanted.topology.mode == topology_mode::replicated;
    if (several && rules.replicated_name_max > 0 &&
        wanted.name.size() > rules.replicated_name_max) {
        errors.push_back({"/name", "too_long",
                          fmt::format("the name of a replicated {} has at most {} characters",
                                      rules.display_name, rules.replicated_name_max)});
    }
    const auto version = release_of(wanted.version);
    if (several && version && *version < rules.replicated_since) {
        errors.push_back({"/topology/mode", "unsupported",
                          fmt::format("replication requires {} {}.{} or later", rules.display_name,
                                      rules.replicated_since.major_number,
                                      rules.replicated_since.minor_number)});
    }
    const auto& names = rules.short_names;
    const auto length = 2 * wanted.name.size() + wanted.project.size();
    if (names.length_max > 0 && version && version->major_number == names.of_major &&
        length > names.length_max) {
        errors.push_back(
            {"/name", "too_long",
             fmt::format("name too long for {} {}: 2 * length(name) + length(project) must be at "
                         "most {}, is {}",
                         rules.display_name, names.of_major, names.length_max, length)});
    }
    return errors;
}

std::vector<base::field_error> scaling_errors(const topology& before, const topology& after,
                                              const engine_rules& rules) {
    std::vector<base::field_error> errors;
    const int replicas_before = before.data().replicas;
    const int replicas_after = after.data().replicas;
    if (rules.scaled_replicas_max > 0 && replicas_after != replicas_before &&
        replicas_after > rules.scaled_replicas_max) {
        errors.push_back({"/topology/replicas", "out_of_range",
                          fmt::format("{} can be scaled to at most {} replicas", rules.display_name,
                                      rules.scaled_replicas_max)});
    }
    const bool is_mixed = (after.shards > before.shards && replicas_after < replicas_before) ||
                          (after.shards < before.shards && replicas_after > replicas_before);
    if (rules.scales_one_way && is_mixed) {
        errors.push_back(
            {"/topology", "mixed_scaling_directions",
             fmt::format("{} cannot get more shards and fewer replicas, or fewer shards "
                         "and more replicas, in one change; request two changes",
                         rules.display_name)});
    }
    return errors;
}

}  // namespace domain
