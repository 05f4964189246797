#include "domain/engine_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace domain {
namespace {

// 6.2 of "6.2.14" and of "valkey-6.2"; nothing where there is no number.
std::optional<release> release_of(std::string_view version) {
    const auto begin = std::ranges::find_if(version, [](char c) { return c >= '0' && c <= '9'; });
    const char* at = version.data() + (begin - version.begin());
    const char* const end = version.data() + version.size();
    release found;
    const auto major = std::from_chars(at, end, found.major_number);
    if (major.ec != std::errc()) return std::nullopt;
    at = major.ptr;
    if (at != end && *at == '.') std::from_chars(at + 1, end, found.minor_number);
    return found;
}

}  // namespace

std::vector<base::field_error> creation_errors(const database& wanted, const engine_rules& rules) {
    std::vector<base::field_error> faults;
    const bool several = wanted.topology.mode == topology_mode::replicated;
    if (several && rules.replicated_name_max > 0 &&
        wanted.name.size() > rules.replicated_name_max) {
        faults.push_back({"/name", "too_long",
                          fmt::format("the name of a replicated {} has at most {} characters",
                                      rules.display_name, rules.replicated_name_max)});
    }
    const auto version = release_of(wanted.version);
    if (several && version && *version < rules.replicated_since) {
        faults.push_back({"/topology/mode", "unsupported",
                          fmt::format("{} can be replicated from {}.{} on", rules.display_name,
                                      rules.replicated_since.major_number,
                                      rules.replicated_since.minor_number)});
    }
    const auto& names = rules.short_names;
    const auto length = 2 * wanted.name.size() + wanted.project.size();
    if (names.length_max > 0 && version && version->major_number == names.of_major &&
        length > names.length_max) {
        faults.push_back(
            {"/name", "too_long",
             fmt::format("{} {} has short host names only: twice the name and the project's name "
                         "have at most {} characters together, not {}",
                         rules.display_name, names.of_major, names.length_max, length)});
    }
    return faults;
}

std::vector<base::field_error> scaling_errors(const topology& from, const topology& to,
                                              const engine_rules& rules) {
    std::vector<base::field_error> faults;
    const int before = from.data().replicas;
    const int after = to.data().replicas;
    if (rules.scaled_replicas_most > 0 && after != before && after > rules.scaled_replicas_most) {
        faults.push_back({"/topology/replicas", "out_of_range",
                          fmt::format("{} can be scaled to at most {} replicas", rules.display_name,
                                      rules.scaled_replicas_most)});
    }
    const bool apart =
        (to.shards > from.shards && after < before) || (to.shards < from.shards && after > before);
    if (rules.scales_one_way && apart) {
        faults.push_back({"/topology", "mixed_scaling_directions",
                          fmt::format("{} cannot get more shards and fewer replicas, or the other "
                                      "way round, in one change; ask for one after the other",
                                      rules.display_name)});
    }
    return faults;
}

}  // namespace domain
