#include "api/openapi/schemas.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ranges>
#include <set>

#include "app/log_level_commands.hpp"
#include "domain/access.hpp"
#include "domain/engines.hpp"
#include "domain/enum_names.hpp"
#include "domain/metric.hpp"
#include "domain/status.hpp"
#include "domain/user_rules.hpp"
#include "json/json.hpp"
#include "obs/log_levels.hpp"

namespace api {
namespace {

json::object enumeration(const auto& names) {
    json::array list;
    for (const auto& name : names) list.emplace_back(std::string_view(name));
    return {{"type", "string"}, {"enum", std::move(list)}};
}

json::object closed_object(json::object properties) {
    return {
        {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

// "data" and the roles of every engine's groups. Which of them a topology has is a rule of its
// engine and mode.
json::object group_roles() {
    std::set<std::string_view> roles{domain::data_role};
    for (const auto& rules : domain::all_engines()) {
        for (const auto& group : rules.groups) roles.insert(group.role);
    }
    auto schema = enumeration(roles);
    schema["description"] =
        "data, or the role of a group that the engine has in this mode; see GET /engines";
    return schema;
}

// "connections.current" is member "current" of "connections"; a metric without a dot has no group.
json::object metric_values() {
    json::object groups;
    json::object properties;
    for (const auto& each : domain::all_metrics()) {
        const json::object value{{"type", {"number", "null"}},
                                 {"format", "double"},
                                 {"description", fmt::format("{} [{}]", each.help, each.unit)}};
        const auto dot = each.name.find('.');
        if (dot == std::string_view::npos) {
            properties[each.name] = value;
            continue;
        }
        auto& group = groups[each.name.substr(0, dot)];
        if (!group.is_object()) group.emplace_object();
        group.get_object()[each.name.substr(dot + 1)] = value;
    }
    for (auto& [name, members] : groups) {
        properties[name] = closed_object(std::move(members.get_object()));
    }
    return closed_object(std::move(properties));
}

// "info" or "info,scrape=debug": the pattern of obs::parse_log_levels().
json::object log_levels() {
    const auto part = fmt::format("(({})=)?({})", fmt::join(obs::log_module_names, "|"),
                                  fmt::join(obs::level_names, "|"));
    return {{"type", {"string", "null"}},
            {"pattern", fmt::format("^{}(,{})*$", part, part)},
            {"description",
             "LEVEL or LEVEL,MODULE=LEVEL,...; null: the configured levels, without an expiry"}};
}

// Seconds until the configured levels are in use again.
json::object log_level_duration() {
    using app::log_level_commands;
    return {{"type", "integer"},
            {"minimum", 1},
            {"maximum", log_level_commands::duration_max.count()},
            {"description",
             fmt::format("Seconds until the configured levels are in use again; default: {}",
                         log_level_commands::duration_default.count())}};
}

json::object log_level_request() {
    auto schema = closed_object({{"log_level", log_levels()}, {"duration", log_level_duration()}});
    schema["required"] = json::array{"log_level"};
    return schema;
}

// Go has one scope for the constants of all enumerations, and phases of a database and of an
// operation have equal names.
json::object operation_phases() {
    const auto& names = domain::names_of<domain::operation_phase>();
    auto schema = enumeration(names);
    json::array constants;
    for (const std::string_view name : names) {
        std::string constant = "OPERATION_";
        for (const char c : name) constant += static_cast<char>(c == '_' ? c : c - 32);
        constants.emplace_back(constant);
    }
    schema["x-enum-varnames"] = std::move(constants);
    return schema;
}

// Adds the schemas that a PATCH has instead of those of a POST: every member of a size is optional,
// also in a node group of a topology.
void add_change_schemas(json::object& schemas) {
    auto size = schemas.at("SizeObject").as_object();
    size.erase("if");
    size.erase("else");
    size["description"] = "A member that is left out keeps its value";
    schemas["SizeObjectChange"] = std::move(size);
    schemas["SizeChange"] = json::object{
        {"oneOf", json::array{reference("SizePreset"), reference("SizeObjectChange")}}};

    auto group = schemas.at("NodeGroupRequest").as_object();
    group.at("properties").at("size") = reference("SizeChange");
    schemas["NodeGroupChange"] = std::move(group);

    auto topology = schemas.at("TopologyRequest").as_object();
    topology["description"] =
        "Groups are matched by role; a group that is left out keeps its values";
    topology.at("properties").at("groups").at("items") = reference("NodeGroupChange");
    schemas["TopologyChange"] = std::move(topology);
}

// Adds the schema of a new key of a service account: a key whose subject is fixed.
void add_account_key_schema(json::object& schemas) {
    auto key = schemas.at("CreateApiKey").as_object();
    key.at("properties").as_object().erase("subject");
    schemas["CreateServiceAccountKey"] = std::move(key);
}

}  // namespace

json::object reference(std::string_view name) {
    return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

json::object document_schemas() {
    auto schemas = json::parse(request_schemas()).get_object();
    for (const auto text : {response_schemas(), identity_schemas(), account_schemas()}) {
        auto more = json::parse(text).get_object();
        for (auto& [name, schema] : more) schemas[name] = std::move(schema);
    }
    add_change_schemas(schemas);
    schemas["PutLogLevel"] = log_level_request();
    add_account_key_schema(schemas);
    schemas["GroupRole"] = group_roles();
    schemas["TopologyMode"] = enumeration(domain::names_of<domain::topology_mode>());
    schemas["StorageType"] = enumeration(domain::names_of<domain::storage_type>());
    schemas["OperationKind"] = enumeration(domain::names_of<domain::operation_kind>());
    schemas["OperationPhase"] = operation_phases();
    schemas["StatusPhase"] = enumeration(domain::names_of<domain::status_phase>());
    schemas["PlatformRole"] = enumeration(domain::all_platform_roles());
    schemas["PermissionName"] = enumeration(domain::all_permissions());
    schemas["EngineName"] =
        enumeration(domain::all_engines() | std::views::transform(&domain::engine_rules::engine));
    schemas["SizePreset"] =
        enumeration(domain::size_presets() | std::views::transform(&domain::size_preset::name));
    schemas["MetricName"] = enumeration(domain::all_metrics() |
                                        std::views::transform(&domain::metric_description::name));
    schemas["MetricValues"] = metric_values();
    return schemas;
}

}  // namespace api
