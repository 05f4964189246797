// Elasticsearch: every member has all roles of a node.

#include "domain/engines/engine_list.hpp"

namespace domain {
namespace {

constexpr engine_rules rules{.engine = "elasticsearch",
                             .display_name = "Elasticsearch",
                             .replicated = {2, 20},
                             .scales_to_standalone = true,
                             .memory_bytes_min = 512 * mebi,
                             .storage_bytes_min = 256 * mebi};

}  // namespace

const engine_rules& elasticsearch_engine() noexcept {
    return rules;
}

}  // namespace domain
