// MariaDB: several members are a Galera cluster of an odd number, at least 3.

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

constexpr engine_rules rules{.engine = "mariadb",
                             .display_name = "MariaDB",
                             .replicated = {3, 9, true},
                             .replicated_name_max = 32,
                             .memory_bytes_min = 256 * mebi,
                             .storage_bytes_min = 128 * mebi};

}  // namespace

const engine_rules& mariadb_engine() noexcept {
    return rules;
}

}  // namespace domain
