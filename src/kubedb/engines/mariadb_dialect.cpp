// MariaDB: KubeDB makes several members a Galera cluster; the spec has no field for it.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"

namespace kubedb {
namespace {

constexpr data_group_dialect dialect{
    {.engine = "mariadb",
     .kind = "MariaDB",
     .plural = "mariadbs",
     .container = "mariadb",
     .default_port = 3306,
     .scheme = "mysql",
     .components = "mx"},
    {.vertical = "mariadb", .horizontal = "member", .volume = "mariadb"}};

}  // namespace

const engine_dialect& mariadb_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
