// PostgreSQL: one primary and hot standbys. Scaling may cross the border to one member.

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

constexpr engine_rules rules{.engine = "postgres",
                             .display_name = "PostgreSQL",
                             .replicated = {2, 9},
                             .scales_to_standalone = true,
                             .memory_bytes_min = 128 * mebi,
                             .storage_bytes_min = 64 * mebi};

}  // namespace

const engine_rules& postgres_engine() noexcept {
    return rules;
}

}  // namespace domain
