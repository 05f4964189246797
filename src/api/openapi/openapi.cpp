#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "api/api.hpp"
#include "api/openapi/schemas.hpp"
#include "api/routes.hpp"

namespace api {
namespace {

namespace json = boost::json;

json::object reference(std::string_view name) {
    return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

json::object text_like(std::string_view pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

json::object whole_number(int least, int most) {
    return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}

json::object list_of(json::object items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}

json::object parameter(std::string_view name, std::string_view where, bool required,
                       std::string_view help, json::object schema) {
    return {{"name", name},
            {"in", where},
            {"required", required},
            {"description", help},
            {"schema", std::move(schema)}};
}

// "*" or a tag (RFC 9110, 8.8.3); a list of tags is taken as well.
json::object entity_tag() {
    return {{"anyOf", {{{"const", "*"}}, text_like(R"(^(W/)?"[!#-~]*"$)")}}};
}

std::string_view path_parameter_help(std::string_view name) {
    if (name == "engine") return "Name of the engine";
    return name == "name" ? "Name of the project" : "Identifier of the object";
}

json::array parameters_of(const route& to) {
    json::array list;
    const auto text = text_like(R"(^[^\x00]*$)");
    const json::object instant{{"type", "string"}, {"format", "date-time"}};
    const auto open = to.pattern.find('{');
    if (open != std::string_view::npos) {
        const auto name = to.pattern.substr(open + 1, to.pattern.find('}') - open - 1);
        list.push_back(parameter(name, "path", true, path_parameter_help(name),
                                 name == "engine" ? reference("EngineName") : text));
    }
    const auto query = [&list](std::string_view name, std::string_view help, json::object schema) {
        list.push_back(parameter(name, "query", false, help, std::move(schema)));
    };
    if (to.id == endpoint::list_databases) {
        query("project", "Filter by project", text);
        query("engine", "Filter by engine", text);
        query("name", "Exact name match, in every project", text);
        query("q", "Filter by a substring of the name", text);
        query("status", "Filter by phase; repeatable, any of them matches",
              list_of(reference("StatusPhase")));
        query("label", "Filter by label, key=value; repeatable, all of them must match",
              list_of(text_like(R"(^[^=\x00]+=[^\x00]*$)")));
        query("sort", "Sort key; prefix - sorts descending",
              {{"type", "string"},
               {"enum",
                {"name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"}}});
    }
    const bool lists_operations =
        to.id == endpoint::list_operations || to.id == endpoint::list_database_operations;
    if (to.id == endpoint::list_databases || lists_operations) {
        query("limit", "Maximum number of items per page", whole_number(1, 500));
        query("cursor", "next_cursor of the previous page", text_like("^([0-9a-f]{2})*$"));
    }
    if (lists_operations) {
        query("phase", "Filter by phase", reference("OperationPhase"));
    }
    if (to.id == endpoint::get_metrics_history) {
        list.push_back(
            parameter("metric", "query", true, "Name of the metric", reference("MetricName")));
        query("from", "Start of the range; defaults to one hour ago", instant);
        query("to", "End of the range; defaults to now", instant);
        query("step", "Seconds between two points", whole_number(1, 86400));
    }
    const bool writes = to.verb != http::method::get;
    if (writes) {
        query("dry_run", "Validate the request without writing anything", {{"type", "boolean"}});
        list.push_back(
            parameter("Idempotency-Key", "header", false,
                      "A retry with the same key within 24 h returns the original response. If the "
                      "platform crashed before it stored the response, the retry returns the "
                      "operation that was started. Error responses are not stored.",
                      {{"type", "string"}, {"minLength", 1}, {"maxLength", 100}}));
    }
    if (to.verb == http::method::patch || to.verb == http::method::del) {
        list.push_back(parameter("If-Match", "header", false,
                                 "ETag of the version that the write is based on", entity_tag()));
    }
    return list;
}

json::object content(std::string_view media, json::value schema) {
    json::object result;
    result[media] = {{"schema", std::move(schema)}};
    return result;
}

json::object answer_of(const route& to) {
    json::object result{{"description", to.summary}};
    if (to.response.empty()) {
        if (to.status != 204) {
            const auto media = to.id == endpoint::stream ? "text/event-stream"
                               : to.id == endpoint::docs ? "text/html"
                                                         : "text/plain";
            result["content"] = content(media, json::object{{"type", "string"}});
        }
    } else if (to.response.ends_with("List")) {
        const auto item = to.response.substr(0, to.response.size() - 4);
        result["content"] =
            content("application/json",
                    json::object{{"type", "object"},
                                 {"required", {"items", "next_cursor", "total"}},
                                 {"additionalProperties", false},
                                 {"properties",
                                  {{"items", {{"type", "array"}, {"items", reference(item)}}},
                                   {"next_cursor", {{"type", {"string", "null"}}}},
                                   {"total", {{"type", "integer"}}}}}});
    } else {
        result["content"] = content("application/json", reference(to.response));
    }
    return result;
}

// Where what an answer names is found: every operation that takes it as its path's parameter.
json::object links_of(const route& to) {
    json::object links;
    const auto link = [&links](std::string_view prefix, std::string_view from) {
        for (const auto& each : all_routes()) {
            if (!each.pattern.starts_with(prefix)) continue;
            const auto open = each.pattern.find('{');
            const auto name = each.pattern.substr(open + 1, each.pattern.find('}') - open - 1);
            links[each.name] = {{"operationId", each.name}, {"parameters", {{name, from}}}};
        }
    };
    if (to.id == endpoint::create_database) {
        link("/api/v1/databases/{", "$response.body#/database/id");
        link("/api/v1/operations/{", "$response.body#/operation/id");
    }
    if (to.id == endpoint::create_project) {
        link("/api/v1/projects/{", "$response.body#/name");
    }
    return links;
}

// What belongs together on a page: the collection below /api/v1, the rest is the platform's own.
struct group {
    std::string_view name;
    std::string_view summary;
};
constexpr std::array groups{
    group{"databases", "Databases: specification, status, metrics and credentials"},
    group{"operations", "Operations: asynchronous changes and their progress"},
    group{"engines", "Engines and the versions that the cluster offers"},
    group{"projects", "Projects: ownership and quotas"},
    group{"stream", "Server-sent events for every change"},
    group{"platform", "Health, metrics and description of the platform"},
};

std::string_view group_of(std::string_view pattern) {
    constexpr std::string_view root = "/api/v1/";
    if (pattern.starts_with(root)) {
        const auto rest = pattern.substr(root.size());
        const auto first = rest.substr(0, rest.find('/'));
        for (const auto& each : groups) {
            if (each.name == first) return each.name;
        }
    }
    return groups.back().name;
}

json::array document_tags() {
    json::array tags;
    for (const auto& each : groups) {
        tags.push_back({{"name", each.name}, {"description", each.summary}});
    }
    return tags;
}

json::object operation_of(const route& to) {
    json::object responses;
    auto answer = answer_of(to);
    if (auto links = links_of(to); !links.empty()) answer["links"] = std::move(links);
    responses[std::to_string(to.status)] = std::move(answer);
    if (to.status == 202) responses["200"] = answer_of(to);  // nothing to do, or a dry run
    if (to.id == endpoint::create_project) responses["200"] = answer_of(to);
    const json::object refused{
        {"description", "A problem document (RFC 9457)"},
        {"content", content("application/problem+json", reference("Problem"))}};
    if (to.id == endpoint::ready) {
        responses["503"] = answer_of(to);
    }
    if (to.id == endpoint::list_databases || to.id == endpoint::list_operations ||
        to.id == endpoint::list_database_operations || to.id == endpoint::list_projects ||
        to.id == endpoint::get_database || to.id == endpoint::get_metrics ||
        to.id == endpoint::get_status || to.id == endpoint::get_project ||
        to.id == endpoint::openapi) {
        responses["304"] = {{"description", "Not modified"}};
    }
    if (to.pattern.starts_with("/api/")) responses["default"] = refused;
    json::object result{{"operationId", to.name},
                        {"tags", json::array{group_of(to.pattern)}},
                        {"summary", to.summary},
                        {"parameters", parameters_of(to)},
                        {"responses", std::move(responses)}};
    if (!to.body.empty()) {
        const auto media =
            to.verb == http::method::patch ? "application/merge-patch+json" : "application/json";
        auto body = content("application/json", reference(to.body));
        body[media] = {{"schema", reference(to.body)}};
        result["requestBody"] = {{"required", true}, {"content", std::move(body)}};
    }
    return result;
}

}  // namespace

std::string openapi_document() {
    json::object paths;
    for (const auto& each : all_routes()) {
        if (!each.is_described) continue;
        auto& item = paths[each.pattern];
        if (!item.is_object()) item.emplace_object();
        std::string verb(http::name(each.verb));
        for (char& c : verb) c = static_cast<char>(c + 32);
        item.get_object()[verb] = operation_of(each);
    }
    const json::object document{
        {"openapi", "3.1.0"},
        {"info",
         {{"title", "KubeDB DBaaS Platform"},
          {"version", "1"},
          {"description",
           "Databases as a service on KubeDB. Reads are served from the platform's cache. Errors "
           "are problem documents (RFC 9457) that list every invalid field."},
          {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
        {"servers", json::array{json::object{{"url", "/"}}}},
        {"tags", document_tags()},
        {"paths", std::move(paths)},
        {"components", {{"schemas", document_schemas()}}}};
    return json::serialize(document);
}

}  // namespace api
