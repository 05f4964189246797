#pragma once
// How a spec describes the members of a node group: resources, volumes, pod templates. Shared by
// the dialects. Pure.

#include <string_view>

#include "domain/desired.hpp"
#include "domain/topology.hpp"
#include "json/json.hpp"

namespace kubedb {

// Returns requests and limits. The memory limit is the memory request. CPU has no limit: it would
// only make a database slow.
json::object resources_of(const domain::size& size);
json::object pod_template(std::string_view container, const domain::size& size);
// Returns the template of the claim of one member.
json::object volume_claim(const domain::storage& storage);
// Returns the value of spec.storageType.
std::string_view storage_type_text(domain::storage_type type) noexcept;

// Returns the group of the role; the engine's default if the record lacks the group.
domain::node_group group_of(const domain::database& record, std::string_view role);

int small_number_at(const json::object& object, std::string_view key, int fallback);
domain::storage_type read_storage_type(const json::object& spec);
// Returns the size of the container; 0 if the settings have none of that name.
domain::size read_size(const json::object& settings, std::string_view container);
// Returns the volume of volume_claim(), as `settings.storage`, without its type.
domain::storage read_claim(const json::object& settings);

}  // namespace kubedb
