#include <fmt/format.h>

#include <array>

#include "api/api.hpp"
#include "api/openapi/schemas.hpp"
#include "api/routes.hpp"
#include "json/json.hpp"
#include "timeseries/metric_history.hpp"

namespace api {
namespace {

json::object text_like(std::string_view pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

json::object whole_number(int min, int max) {
    return {{"type", "integer"}, {"minimum", min}, {"maximum", max}};
}

json::object list_of(json::object items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}

json::object parameter(std::string_view name, std::string_view location, bool required,
                       std::string_view help, json::object schema) {
    return {{"name", name},
            {"in", location},
            {"required", required},
            {"description", help},
            {"schema", std::move(schema)}};
}

// "*" or an entity tag (RFC 9110, 8.8.3). The API accepts a list of tags as well. Generators of
// clients reject anyOf in a header.
json::object entity_tag() {
    return text_like(R"(^(\*|(W/)?"[!#-~]*")$)");
}

std::string_view path_parameter_help(std::string_view pattern, std::string_view name) {
    if (name == "engine") return "Name of the engine";
    if (name == "issuer") return "Name of the OpenID issuer";
    if (pattern.starts_with("/api/v1/users/")) return "Name of the user";
    if (pattern.starts_with("/api/v1/roles/")) return "Name of the role";
    if (pattern.starts_with("/api/v1/service-accounts/")) {
        return name == "name" ? "Name of the service account" : "Identifier of the API key";
    }
    if (name == "subject") return "Name of the subject, as keys and roles have it";
    return name == "name" ? "Name of the project" : "Identifier of the object";
}

// A word, a service account, or a service account of Kubernetes.
constexpr const char* subject_pattern =
    R"(^((service_account:)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?|)"
    R"(system:serviceaccount(:[a-z0-9]([-a-z0-9]{0,29}[a-z0-9])?){2})$)";

json::object min_revision_parameter() {
    return parameter("X-Min-Revision", "header", false,
                     "The response is based on this revision of the object or a newer one. A "
                     "replica that does not know it waits for 2 s at most",
                     {{"type", "integer"}, {"format", "int64"}, {"minimum", 1}});
}

json::array parameters_of(const route& route) {
    json::array list;
    const auto text = text_like(R"(^[^\x00]*$)");
    const json::object instant{{"type", "string"}, {"format", "date-time"}};
    for (auto rest = route.pattern; rest.contains('{');) {
        rest.remove_prefix(rest.find('{') + 1);
        const auto name = rest.substr(0, rest.find('}'));
        list.push_back(parameter(name, "path", true, path_parameter_help(route.pattern, name),
                                 name == "engine"    ? reference("EngineName")
                                 : name == "subject" ? text_like(subject_pattern)
                                                     : text));
    }
    const auto query = [&list](std::string_view name, std::string_view help, json::object schema) {
        list.push_back(parameter(name, "query", false, help, std::move(schema)));
    };
    if (route.id == endpoint::list_databases) {
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
    const bool is_exposition = route.id == endpoint::databases_exposition;
    const bool has_project = is_exposition || route.id == endpoint::list_service_accounts;
    if (has_project) query("project", "Filter by project", text);
    if (is_exposition) query("engine", "Filter by engine", text);
    const bool lists_operations =
        route.id == endpoint::list_operations || route.id == endpoint::list_database_operations;
    if (route.response.ends_with("List")) {
        query("limit", "Maximum number of items per page", whole_number(1, 500));
        query("cursor", "next_cursor of the previous page", text_like("^([0-9a-f]{2})*$"));
    }
    if (route.id == endpoint::list_audit) {
        query("actor", "Filter by subject", text);
        query("action", "Filter by the operationId of the request", text);
        query("project", "Filter by project", text);
        query("database", "Filter by the id of a database or another object", text);
        query("outcome", "Filter by outcome", text);
        query("from", "Start of the range", instant);
        query("to", "End of the range", instant);
        query("limit", "Maximum number of rows per page", whole_number(1, 1000));
        query("cursor", "next_cursor of the previous page", text_like("^[0-9a-z.-]{1,128}$"));
    }
    if (lists_operations) {
        query("phase", "Filter by phase", reference("OperationPhase"));
    }
    if (route.id == endpoint::get_metrics_history) {
        list.push_back(
            parameter("metric", "query", true, "Name of the metric", reference("MetricName")));
        query("from", "Start of the range; defaults to one hour ago", instant);
        query("to", "End of the range; defaults to now", instant);
        query("step", "Seconds between two points",
              whole_number(1, static_cast<int>(timeseries::metric_history::step_max.count())));
    }
    if (route.id == endpoint::start_oidc_login) {
        query("return_to", "Path of this platform for the browser after the login; default: /",
              text_like(R"(^/([!#-+\--.0-:<-\[\]-~][!#-+\--:<-\[\]-~]{0,500})?$)"));
    }
    if (route.id == endpoint::stream) {
        list.push_back(parameter("Last-Event-ID", "header", false,
                                 "id of the last event that the client received",
                                 text_like("^[!-~]*$")));
        query("lastEventId",
              "Like the header Last-Event-ID, for clients that cannot set it. The header wins. "
              "Last-Event-ID is accepted as a name too",
              text);
    }
    if (route.id == endpoint::ready) {
        query("for",
              "reads: 200 while the replica serves reads, which need neither the store nor the "
              "cluster. Other values are ignored",
              {{"type", "string"}});
    }
    if (route.target() == target_kind::database || route.target() == target_kind::project) {
        list.push_back(min_revision_parameter());
    }
    const bool writes = route.verb != http::method::get;
    const bool is_replayable = writes && route.query == query_rule::own;
    if (is_replayable) {
        query("dry_run", "Validate the request without writing anything", {{"type", "boolean"}});
        list.push_back(
            parameter("Idempotency-Key", "header", false,
                      "A retry with the same key within 24 h returns the original response. If the "
                      "platform crashed before it stored the response, the retry returns the "
                      "operation that was started. Error responses are not stored.",
                      {{"type", "string"}, {"minLength", 1}, {"maxLength", 100}}));
    }
    if ((is_replayable && route.verb != http::method::post) || route.id == endpoint::put_role) {
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

json::object response_of(const route& route) {
    json::object result{{"description", route.summary}};
    if (route.response.empty()) {
        if (route.status != 204) {
            const auto media = route.id == endpoint::stream ? "text/event-stream"
                               : route.id == endpoint::docs ? "text/html"
                                                            : "text/plain";
            result["content"] = content(media, json::object{{"type", "string"}});
        }
    } else if (route.response.ends_with("List")) {
        const auto item = route.response.substr(0, route.response.size() - 4);
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
        result["content"] = content("application/json", reference(route.response));
    }
    return result;
}

// Links a response to every operation that takes its id as a path parameter.
json::object links_of(const route& route) {
    json::object links;
    const auto link = [&links](std::string_view prefix, std::string_view pointer) {
        for (const auto& target : all_routes()) {
            const auto& pattern = target.pattern;
            if (!pattern.starts_with(prefix)) continue;
            const auto open = pattern.find('{');
            const auto name = pattern.substr(open + 1, pattern.find('}') - open - 1);
            links[target.name] = {{"operationId", target.name}, {"parameters", {{name, pointer}}}};
        }
    };
    if (route.id == endpoint::create_database) {
        link("/api/v1/databases/{", "$response.body#/database/id");
        link("/api/v1/operations/{", "$response.body#/operation/id");
    }
    if (route.id == endpoint::create_project) {
        link("/api/v1/projects/{", "$response.body#/name");
    }
    if (route.id == endpoint::create_api_key) {
        link("/api/v1/api-keys/{", "$response.body#/api_key/id");
    }
    if (route.id == endpoint::create_role) {
        link("/api/v1/roles/{", "$response.body#/name");
    }
    if (route.id == endpoint::create_service_account) {
        link("/api/v1/service-accounts/{", "$response.body#/name");
    }
    if (route.id == endpoint::create_user) {
        link("/api/v1/users/{", "$response.body#/name");
    }
    return links;
}

// A group of routes on the documentation page. Routes outside of the collections below /api/v1
// belong to the group "platform".
struct group {
    std::string_view name;
    std::string_view summary;
};
constexpr std::array groups{
    group{"databases", "Databases: specification, status, metrics and credentials"},
    group{"operations", "Operations: asynchronous changes and their progress"},
    group{"engines", "Engines and the versions that the cluster offers"},
    group{"projects", "Projects: ownership and quotas"},
    group{"auth", "Logins, sessions and the caller's own identity and permissions"},
    group{"rate-limits", "The caller's own rate limits"},
    group{"access-reviews", "Who may do something"},
    group{"roles", "Roles: named sets of permissions that members of projects have"},
    group{"audit", "Audit log: writes, reads of credentials and denied requests"},
    group{"api-keys", "API keys: credentials with limits and an expiry"},
    group{"service-accounts",
          "Service accounts: callers that are programs, with roles and API keys"},
    group{"users", "Users: people with a password or an identity provider"},
    group{"stream", "Server-sent events for every change"},
    group{"platform", "Health, metrics and description of the platform"},
};

std::string_view group_of(std::string_view pattern) {
    constexpr std::string_view root = "/api/v1/";
    if (pattern.starts_with(root)) {
        const auto rest = pattern.substr(root.size());
        const auto first = rest.substr(0, rest.find('/'));
        for (const auto& group : groups) {
            if (group.name == first) return group.name;
        }
    }
    return groups.back().name;
}

json::array document_tags() {
    json::array tags;
    for (const auto& group : groups) {
        tags.push_back({{"name", group.name}, {"description", group.summary}});
    }
    return tags;
}

json::object operation_of(const route& route) {
    json::object responses;
    auto response = response_of(route);
    if (auto links = links_of(route); !links.empty()) response["links"] = std::move(links);
    responses[std::to_string(route.status)] = std::move(response);
    if (route.status == 202) responses["200"] = response_of(route);  // nothing to do, or a dry run
    if (route.id == endpoint::create_project || route.id == endpoint::put_member) {
        responses["200"] = response_of(route);
    }
    const json::object error_response{
        {"description", "A problem document (RFC 9457)"},
        {"content", content("application/problem+json", reference("Problem"))}};
    if (route.id == endpoint::ready) {
        responses["503"] = response_of(route);
    }
    if (route.response.ends_with("List") || route.id == endpoint::get_database ||
        route.id == endpoint::get_metrics || route.id == endpoint::get_status ||
        route.id == endpoint::get_api_key || route.id == endpoint::get_user ||
        route.id == endpoint::get_role || route.id == endpoint::get_service_account ||
        route.id == endpoint::get_operation || route.id == endpoint::get_project ||
        route.id == endpoint::openapi) {
        responses["304"] = {{"description", "Not modified"}};
    }
    const bool is_of_the_api =
        route.pattern.starts_with("/api/") || route.id == endpoint::databases_exposition;
    if (is_of_the_api) responses["default"] = error_response;
    json::object result{{"operationId", route.name},
                        {"tags", json::array{group_of(route.pattern)}},
                        {"summary", route.summary},
                        {"parameters", parameters_of(route)},
                        {"responses", std::move(responses)}};
    if (!route.access.is_public()) {
        result["security"] = json::array{json::object{{"bearer", json::array{}}}};
    }
    if (const auto action = route.access.permission()) {
        result["x-permission"] = domain::name(*action);
    }
    if (const auto action = route.access.partial_permission()) {
        result["x-partial-permission"] = domain::name(*action);
    }
    if (!route.body.empty()) {
        const auto media =
            route.verb == http::method::patch ? "application/merge-patch+json" : "application/json";
        auto body = content("application/json", reference(route.body));
        body[media] = {{"schema", reference(route.body)}};
        result["requestBody"] = {{"required", true}, {"content", std::move(body)}};
    }
    return result;
}

}  // namespace

std::string openapi_document() {
    json::object paths;
    for (const auto& route : all_routes()) {
        if (!route.is_described) continue;
        auto& item = paths[route.pattern];
        if (!item.is_object()) item.emplace_object();
        std::string verb(http::name(route.verb));
        for (char& c : verb) c = static_cast<char>(c + 32);
        item.get_object()[verb] = operation_of(route);
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
        {"components",
         {{"schemas", document_schemas()},
          {"securitySchemes",
           {{"bearer",
             {{"type", "http"},
              {"scheme", "bearer"},
              {"description",
               "An API key (dbk_...) or the access token of POST /api/v1/auth/login"}}}}}}}};
    return json::serialize(document);
}

}  // namespace api
