// MariaDB: KubeDB makes several members a Galera cluster; the spec has no field for it.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"
#include "kubedb/engines/login_uri.hpp"

namespace kubedb {
namespace {

class mariadb final : public data_group_dialect {
  public:
    using data_group_dialect::data_group_dialect;

    void complete_login(ports::credentials& login, const app_binding& binding) const override {
        complete_mysql_login(login, kind(), binding);
    }
};

constexpr mariadb dialect{{.engine = "mariadb",
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
