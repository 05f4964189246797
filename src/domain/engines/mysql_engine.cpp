// MySQL: several members are a Group Replication of 3 to 9.

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

constexpr engine_rules rules{.engine = "mysql",
                             .display_name = "MySQL",
                             .replicated = {3, 9},
                             .short_names = {.of_major = 5, .length_max = 43},
                             .scaled_replicas_max = 8,
                             .memory_bytes_min = 256 * mebi,
                             .storage_bytes_min = 128 * mebi};

}  // namespace

const engine_rules& mysql_engine() noexcept {
    return rules;
}

}  // namespace domain
