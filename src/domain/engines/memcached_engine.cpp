// Memcached: keeps its data in memory only.

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

constexpr engine_rules rules{.engine = "memcached",
                             .display_name = "Memcached",
                             .replicated = {2, 20},
                             .has_volumes = false,
                             .memory_bytes_min = 64 * mebi};

}  // namespace

const engine_rules& memcached_engine() noexcept {
    return rules;
}

}  // namespace domain
