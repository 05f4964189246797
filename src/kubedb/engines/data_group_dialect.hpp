#pragma once
// The dialect of engines whose object describes its data group at the top of the spec:
// spec.replicas, podTemplate, storage. More than one member is a replicated database. Engines that
// write more than that derive from it. Pure.

#include "kubedb/engine_dialect.hpp"

namespace kubedb {

// Keys of the data group in OpsRequests, by type.
struct component_keys {
    std::string_view vertical;
    std::string_view horizontal;
    std::string_view volume{};  // empty: the engine has no volume expansion
};

class data_group_dialect : public engine_dialect {
  public:
    constexpr data_group_dialect(const engine_kind& kind, const component_keys& keys)
        : engine_dialect(kind), keys_(keys) {}

    void write_topology(json::object& spec, const domain::database& record) const override;
    [[nodiscard]] domain::topology read_topology(const json::object& spec) const override;
    [[nodiscard]] std::optional<json::object> ops_payload(
        domain::change_kind change, const domain::topology& wanted,
        const domain::topology& present) const override;
    void complete_login(ports::credentials& login, const app_binding& binding) const override;

  private:
    component_keys keys_;
};

}  // namespace kubedb
