// Elasticsearch: every member has all roles of a node. A topology with nodes per role is not
// written.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"

namespace kubedb {
namespace {

constexpr data_group_dialect dialect{{.engine = "elasticsearch",
                                      .kind = "Elasticsearch",
                                      .plural = "elasticsearches",
                                      .container = "elasticsearch",
                                      .default_port = 9200,
                                      .scheme = "http",
                                      .tls_scheme = "https",
                                      .components = "master|data|ingest|data-content|data-hot|"
                                                    "data-warm|data-cold|data-frozen|ml|"
                                                    "transform|coordinating|dashboard"},
                                     {.vertical = "node", .horizontal = "node", .volume = "node"}};

}  // namespace

const engine_dialect& elasticsearch_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
