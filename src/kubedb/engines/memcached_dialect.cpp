// Memcached: keeps its data in memory, so it has neither volumes nor their expansion.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"

namespace kubedb {
namespace {

constexpr data_group_dialect dialect{{.engine = "memcached",
                                      .kind = "Memcached",
                                      .plural = "memcacheds",
                                      .container = "memcached",
                                      .default_port = 11211,
                                      .scheme = "memcached",
                                      .has_volumes = false},
                                     {.vertical = "memcached", .horizontal = "replicas"}};

}  // namespace

const engine_dialect& memcached_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
