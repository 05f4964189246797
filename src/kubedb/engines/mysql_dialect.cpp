// MySQL: several members form a Group Replication.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"
#include "kubedb/engines/login_uri.hpp"

namespace kubedb {
namespace {

class mysql final : public data_group_dialect {
  public:
    using data_group_dialect::data_group_dialect;

    void write_topology(json::object& spec, const domain::database& record) const override {
        data_group_dialect::write_topology(spec, record);
        if (record.topology.mode != domain::topology_mode::replicated) return;
        spec["topology"] = json::object{{"mode", "GroupReplication"}};
    }

    void complete_login(ports::credentials& login, const app_binding& binding) const override {
        complete_mysql_login(login, kind(), binding);
    }
};

constexpr mysql dialect{{.engine = "mysql",
                         .kind = "MySQL",
                         .plural = "mysqls",
                         .container = "mysql",
                         .default_port = 3306,
                         .scheme = "mysql",
                         .components = "router"},
                        {.vertical = "mysql", .horizontal = "member", .volume = "mysql"}};

}  // namespace

const engine_dialect& mysql_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
