#include "kubedb/engines/data_group_dialect.hpp"

#include "base/quantity.hpp"
#include "kubedb/engines/login_uri.hpp"
#include "kubedb/engines/node_spec.hpp"

namespace kubedb {

using domain::change_kind;
using domain::topology_mode;

void data_group_dialect::write_topology(json::object& spec, const domain::database& record) const {
    const auto& data = record.topology.data();
    spec["replicas"] = data.replicas;
    spec["podTemplate"] = pod_template(kind().container, data.size);
    if (!kind().has_volumes) return;
    spec["storageType"] = storage_type_text(data.storage.type);
    // KubeDB uses the size of the claim of an ephemeral database as the limit.
    if (data.storage.bytes > 0) spec["storage"] = volume_claim(data.storage);
}

domain::topology data_group_dialect::read_topology(const json::object& spec) const {
    domain::node_group data{.replicas = small_number_at(spec, "replicas", 1),
                            .size = read_size(spec, kind().container)};
    if (kind().has_volumes) data.storage = read_claim(spec);
    data.storage.type = read_storage_type(spec);
    const auto mode = data.replicas > 1 ? topology_mode::replicated : topology_mode::standalone;
    return {.mode = mode, .groups = {std::move(data)}};
}

std::optional<json::object> data_group_dialect::ops_payload(
    change_kind change, const domain::topology& wanted, const domain::topology& /*present*/) const {
    const auto& data = wanted.data();
    switch (change) {
        case change_kind::vertical_scaling:
            return json::object{
                {keys_.vertical, json::object{{"resources", resources_of(data.size)}}}};
        case change_kind::horizontal_scaling:
            return json::object{{keys_.horizontal, data.replicas}};
        case change_kind::volume_expansion:
            if (keys_.volume.empty()) return std::nullopt;
            return json::object{{"mode", "Online"},
                                {keys_.volume, base::bytes_text(data.storage.bytes)}};
        case change_kind::restart:
            return json::object{};
    }
    return std::nullopt;
}

void data_group_dialect::complete_login(ports::credentials& login,
                                        const app_binding& binding) const {
    login.uri = login_uri(scheme_of(kind(), binding), login, std::span(binding.servers).first(1));
}

}  // namespace kubedb
