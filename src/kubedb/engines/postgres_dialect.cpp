// Postgres: streaming replication to hot standbys.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kubedb/engines/data_group_dialect.hpp"
#include "kubedb/engines/dialect_list.hpp"
#include "kubedb/engines/login_uri.hpp"

namespace kubedb {
namespace {

class postgres final : public data_group_dialect {
  public:
    using data_group_dialect::data_group_dialect;

    void write_topology(json::object& spec, const domain::database& record) const override {
        data_group_dialect::write_topology(spec, record);
        if (record.topology.mode != domain::topology_mode::replicated) return;
        spec["standbyMode"] = "Hot";
        spec["streamingMode"] = "Asynchronous";
    }

    // A client of several servers must find the primary.
    void complete_login(ports::credentials& login, const app_binding& binding) const override {
        const bool is_tls = binding.security == transport_security::tls;
        std::string query = is_tls ? "sslmode=require" : "sslmode=prefer";
        if (is_tls) set_variable(login, "PGSSLMODE", "require");
        if (binding.servers.size() > 1) {
            query += "&target_session_attrs=read-write";
            set_variable(login, "PGTARGETSESSIONATTRS", "read-write");
        }
        login.uri = login_uri(kind().scheme, login, binding.servers, query);
        std::vector<std::string_view> hosts;
        std::vector<std::uint16_t> ports;
        for (const auto& [host, port] : binding.servers) {
            hosts.push_back(host);
            ports.push_back(port);
        }
        set_variable(login, "PGHOST", fmt::format("{}", fmt::join(hosts, ",")));
        set_variable(login, "PGPORT", fmt::format("{}", fmt::join(ports, ",")));
        set_variable(login, "PGUSER", login.username);
        set_variable(login, "PGPASSWORD", std::string(login.password.reveal()));
        set_variable(login, "PGDATABASE", login.database);
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
