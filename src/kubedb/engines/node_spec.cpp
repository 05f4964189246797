#include "kubedb/engines/node_spec.hpp"

#include "base/quantity.hpp"
#include "domain/engines.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace kubedb {

using json::array_or_empty;
using json::object_or_empty;
using json::quantity_at;
using json::text_at;

json::object resources_of(const domain::size& size) {
    const auto cpu = base::format_millis(size.cpu_millis);
    const auto memory = base::bytes_text(size.memory_bytes);
    return {{"requests", {{"cpu", cpu}, {"memory", memory}}}, {"limits", {{"memory", memory}}}};
}

json::object pod_template(std::string_view container, const domain::size& size) {
    return {{"spec",
             {{"containers", json::array{json::object{{"name", container},
                                                      {"resources", resources_of(size)}}}}}}};
}

json::object volume_claim(const domain::storage& storage) {
    json::object claim{
        {"accessModes", json::array{"ReadWriteOnce"}},
        {"resources", {{"requests", {{"storage", base::bytes_text(storage.bytes)}}}}}};
    if (!storage.storage_class.empty()) claim["storageClassName"] = storage.storage_class;
    return claim;
}

std::string_view storage_type_text(domain::storage_type type) noexcept {
    return type == domain::storage_type::durable ? "Durable" : "Ephemeral";
}

domain::node_group group_of(const domain::database& record, std::string_view role) {
    auto shape = record.topology;
    const auto* rules = domain::find_engine(record.engine);
    if (rules != nullptr) domain::complete_groups(shape, *rules);
    const auto* group = shape.find(role);
    return group == nullptr ? domain::node_group{} : *group;
}

int small_number_at(const json::object& object, std::string_view key, int fallback) {
    const auto number = json::number_at(object, key);
    return number ? static_cast<int>(*number) : fallback;
}

domain::storage_type read_storage_type(const json::object& spec) {
    return text_at(spec, "storageType") == "Ephemeral" ? domain::storage_type::ephemeral
                                                       : domain::storage_type::durable;
}

domain::size read_size(const json::object& settings, std::string_view container) {
    const auto& pod = object_or_empty(object_or_empty(settings, "podTemplate"), "spec");
    for (const auto& entry : array_or_empty(pod, "containers")) {
        if (!entry.is_object() || text_at(entry.get_object(), "name") != container) continue;
        const auto& resources = object_or_empty(entry.get_object(), "resources");
        const auto& requests = object_or_empty(resources, "requests");
        return {.cpu_millis = base::parse_millis(quantity_at(requests, "cpu")).value_or(0),
                .memory_bytes = base::parse_bytes(quantity_at(requests, "memory")).value_or(0)};
    }
    return {};
}

domain::storage read_claim(const json::object& settings) {
    const auto& claim = object_or_empty(settings, "storage");
    const auto& requests = object_or_empty(object_or_empty(claim, "resources"), "requests");
    return {.bytes = base::parse_bytes(quantity_at(requests, "storage")).value_or(0),
            .storage_class = std::string(text_at(claim, "storageClassName"))};
}

}  // namespace kubedb
