// Postgres: streaming replication to hot standbys.

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"

namespace kubedb {
namespace {

class postgres final : public data_group_dialect {
  public:
    using data_group_dialect::data_group_dialect;

    void write_topology(boost::json::object& spec, const domain::database& record) const override {
        data_group_dialect::write_topology(spec, record);
        if (record.topology.mode != domain::topology_mode::replicated) return;
        spec["standbyMode"] = "Hot";
        spec["streamingMode"] = "Asynchronous";
    }
};

constexpr postgres dialect{
    {.engine = "postgres",
     .kind = "Postgres",
     .plural = "postgreses",
     .container = "postgres",
     .default_port = 5432,
     .scheme = "postgresql",
     .default_database = "postgres",
     .components = "arbiter|rr"},
    {.vertical = "postgres", .horizontal = "replicas", .volume = "postgres"}};

}  // namespace

const engine_dialect& postgres_dialect() noexcept {
    return dialect;
}

}  // namespace kubedb
