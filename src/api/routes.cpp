#include "api/routes.hpp"

#include <array>

namespace api {
namespace {

using enum http::method;
using op = endpoint;
using enum domain::permission;
using enum query_rule;
using enum target_kind;

constexpr std::array table{
    route{get, "/api/v1/databases", op::list_databases, "list_databases",
          route_access(read_databases, no_object), "List databases", "DatabaseList", 200, "", own},
    route{post, "/api/v1/databases", op::create_database, "create_database",
          route_access(create_databases, no_object), "Create a database", "Accepted", 202,
          "CreateDatabase", own},
    route{get, "/api/v1/databases/{id}", op::get_database, "get_database",
          route_access(read_databases, database), "Get a database", "Database", 200},
    route{patch, "/api/v1/databases/{id}", op::patch_database, "patch_database",
          route_access(update_databases, database),
          "Update labels, deletion protection, pause, size, storage or replicas (merge patch)",
          "Accepted", 202, "PatchDatabase", own},
    route{del, "/api/v1/databases/{id}", op::delete_database, "delete_database",
          route_access(delete_databases, database), "Delete a database and its data", "Accepted",
          202, "", own},
    route{post, "/api/v1/databases/{id}/recreate", op::recreate_database, "recreate_database",
          route_access(operate_databases, database),
          "Recreate the missing cluster object of a database", "Accepted", 202, "", own},
    route{get, "/api/v1/databases/{id}/status", op::get_status, "get_database_status",
          route_access(read_databases, database), "Get the status of a database", "Status", 200},
    route{get, "/api/v1/databases/{id}/metrics", op::get_metrics, "get_database_metrics",
          route_access(read_databases, database), "Get the latest metrics of a database", "Metrics",
          200},
    route{get, "/api/v1/databases/{id}/metrics/history", op::get_metrics_history,
          "get_database_metrics_history", route_access(read_databases, database),
          "Get the history of one metric", "MetricsHistory", 200, "", own},
    route{get, "/api/v1/databases/{id}/credentials", op::get_credentials,
          "get_database_credentials", route_access(read_credentials, database),
          "Get the credentials of a database, read live from the cluster", "Credentials", 200},
    route{get, "/api/v1/databases/{id}/events", op::list_events, "list_database_events",
          route_access(read_databases, database), "List cluster events of a database, newest first",
          "EventList", 200, "", own},
    route{get, "/api/v1/databases/{id}/operations", op::list_database_operations,
          "list_database_operations", route_access(read_databases, database),
          "List operations of a database, newest first", "OperationList", 200, "", own},
    route{get, "/api/v1/operations", op::list_operations, "list_operations",
          route_access(read_databases, no_object), "List operations, newest first", "OperationList",
          200, "", own},
    route{get, "/api/v1/operations/{id}", op::get_operation, "get_operation",
          route_access(read_databases, operation), "Get an operation", "Operation", 200},
    route{get, "/api/v1/engines", op::list_engines, "list_engines",
          route_access(read_engines, no_object),
          "List engines and the topologies that each supports", "EngineList", 200, "", own},
    route{get, "/api/v1/engines/{engine}/versions", op::list_engine_versions,
          "list_engine_versions", route_access(read_engines, no_object),
          "List the versions of an engine that the cluster offers", "VersionList", 200, "", own},
    route{get, "/api/v1/projects", op::list_projects, "list_projects",
          route_access(read_projects, no_object), "List projects", "ProjectList", 200, "", own},
    route{post, "/api/v1/projects", op::create_project, "create_project",
          route_access(create_projects, no_object), "Create a project", "Project", 201,
          "CreateProject", own},
    route{get, "/api/v1/projects/{name}", op::get_project, "get_project",
          route_access(read_projects, project), "Get a project", "Project", 200},
    route{patch, "/api/v1/projects/{name}", op::patch_project, "patch_project",
          route_access(update_projects, project), "Update a project (merge patch)", "Project", 200,
          "PatchProject", own},
    route{del, "/api/v1/projects/{name}", op::delete_project, "delete_project",
          route_access(delete_projects, project), "Delete a project that has no databases", "", 204,
          "", own},
    route{get, "/api/v1/projects/{name}/members", op::list_members, "list_members",
          route_access(read_members, project), "List the members of a project and their roles",
          "MemberList", 200, "", own},
    route{put, "/api/v1/projects/{name}/members/{subject}", op::put_member, "put_member",
          route_access(update_members, project),
          "Grant a role in a project instead of the present one", "Member", 201, "PutMember"},
    route{del, "/api/v1/projects/{name}/members/{subject}", op::delete_member, "delete_member",
          route_access(update_members, project), "Revoke the role of a member", "", 204},
    route{get, "/api/v1/stream", op::stream, "stream", route_access(read_databases, no_object),
          "Stream changes as server-sent events: snapshot, sync, then upsert and delete", "", 200,
          "", own},
    route{get, "/api/v1/auth/whoami", op::whoami, "whoami", principal_route,
          "Get the subject, the roles and the limits of the caller", "Principal", 200},
    route{get, "/api/v1/api-keys", op::list_api_keys, "list_api_keys",
          route_access(read_keys, no_object),
          "List API keys: an administrator's list has every key", "ApiKeyList", 200, "", own},
    route{post, "/api/v1/api-keys", op::create_api_key, "create_api_key",
          route_access(create_keys, no_object),
          "Create an API key; the response is the only one that contains it", "CreatedApiKey", 201,
          "CreateApiKey"},
    route{get, "/api/v1/api-keys/{id}", op::get_api_key, "get_api_key",
          route_access(read_keys, api_key), "Get an API key, without its secret", "ApiKey", 200},
    route{del, "/api/v1/api-keys/{id}", op::revoke_api_key, "revoke_api_key",
          route_access(revoke_keys, api_key), "Revoke an API key", "", 204},
    route{get, "/health/live", op::live, "get_liveness", public_route, "Liveness probe", "Liveness",
          200, "", any},
    route{get, "/health/ready", op::ready, "get_readiness", public_route,
          "Readiness probe (503 if not ready)", "Readiness", 200, "", any},
    route{get, "/metrics", op::platform_metrics, "get_platform_metrics",
          route_access(read_platform, no_object), "Metrics of the platform in Prometheus format",
          "", 200, "", any},
    route{get, "/api/v1/openapi.json", op::openapi, "get_openapi", public_route,
          "OpenAPI description of this API", "Anything", 200},
    route{get, "/docs", op::docs, "get_docs", public_route, "API documentation page", "", 200, "",
          any},
    route{get, "/docs/{file}", op::static_file, "get_docs_file", public_route,
          "File of the API documentation page", "", 200, "", any, false},
    route{get, "/", op::home, "get_home", public_route, "Redirect to the API documentation page",
          "", 303, "", any, false},
};

// A route whose path names an object must also name the kind of the object.
constexpr bool has_targets() {
    for (const auto& route : table) {
        const bool names_object =
            route.pattern.contains("{id}") || route.pattern.contains("{name}");
        if (names_object != (route.target() != no_object)) return false;
    }
    return true;
}
static_assert(has_targets());

// The values of {..} in a pattern.
struct parameter_values {
    std::array<std::string_view, 2> values;
    std::size_t count = 0;
};

// Matches a path against a pattern, segment by segment.
bool fits(std::string_view pattern, std::string_view path, parameter_values& parameters) noexcept {
    parameters = {};
    while (true) {
        const auto open = pattern.find('{');
        if (open == std::string_view::npos) return pattern == path;
        if (path.substr(0, open) != pattern.substr(0, open)) return false;
        path.remove_prefix(open);
        pattern.remove_prefix(pattern.find('}') + 1);
        const auto value = path.substr(0, path.find('/'));
        if (value.empty()) return false;
        parameters.values[parameters.count++] = value;
        path.remove_prefix(value.size());
    }
}

}  // namespace

std::span<const route> all_routes() noexcept {
    return table;
}

matched_route match(http::method verb, std::string_view path) noexcept {
    matched_route result;
    const auto wanted = verb == head ? get : verb;
    for (const auto& route : table) {
        parameter_values parameters;
        if (!fits(route.pattern, path, parameters)) continue;
        result.path_known = true;
        if (route.verb != wanted) continue;
        result.route = &route;
        result.parameter = parameters.values[0];
        result.second_parameter = parameters.values[1];
        return result;
    }
    return result;
}

std::string allowed_methods(std::string_view path) {
    std::string text;
    for (const auto& route : table) {
        parameter_values parameters;
        if (!fits(route.pattern, path, parameters)) continue;
        if (!text.empty()) text += ", ";
        text += http::name(route.verb);
        if (route.verb == get) text += ", HEAD";
    }
    return text + ", OPTIONS";
}

}  // namespace api
