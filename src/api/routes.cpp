#include "api/routes.hpp"

#include <array>

namespace api {
namespace {

using enum http::method;
using op = operation_id;
using enum query_rule;

constexpr std::array table{
    route{get, "/api/v1/databases", op::list_databases, "list_databases", "List databases",
          "DatabaseList", 200, "", "databases.read", own},
    route{post, "/api/v1/databases", op::create_database, "create_database", "Create a database",
          "Accepted", 202, "CreateDatabase", "databases.write", own},
    route{get, "/api/v1/databases/{id}", op::get_database, "get_database", "Get a database",
          "Database", 200, "", "databases.read"},
    route{patch, "/api/v1/databases/{id}", op::patch_database, "patch_database",
          "Update labels, deletion protection, pause, size, storage or replicas (merge patch)",
          "Accepted", 202, "PatchDatabase", "databases.write", own},
    route{del, "/api/v1/databases/{id}", op::delete_database, "delete_database",
          "Delete a database and its data", "Accepted", 202, "", "databases.write", own},
    route{post, "/api/v1/databases/{id}/recreate", op::recreate_database, "recreate_database",
          "Recreate the missing cluster object of a database", "Accepted", 202, "",
          "databases.write", own},
    route{get, "/api/v1/databases/{id}/status", op::get_status, "get_database_status",
          "Get the status of a database", "Status", 200, "", "databases.read"},
    route{get, "/api/v1/databases/{id}/metrics", op::get_metrics, "get_database_metrics",
          "Get the latest metrics of a database", "Metrics", 200, "", "databases.read"},
    route{get, "/api/v1/databases/{id}/metrics/history", op::get_metrics_history,
          "get_database_metrics_history", "Get the history of one metric", "MetricsHistory", 200,
          "", "databases.read", own},
    route{get, "/api/v1/databases/{id}/credentials", op::get_credentials,
          "get_database_credentials",
          "Get the credentials of a database, read live from the cluster", "Credentials", 200, "",
          "databases.credentials"},
    route{get, "/api/v1/databases/{id}/events", op::list_events, "list_database_events",
          "List cluster events of a database, newest first", "EventList", 200, "",
          "databases.read"},
    route{get, "/api/v1/databases/{id}/operations", op::list_database_operations,
          "list_database_operations", "List operations of a database, newest first",
          "OperationList", 200, "", "databases.read", own},
    route{get, "/api/v1/operations", op::list_operations, "list_operations",
          "List operations, newest first", "OperationList", 200, "", "databases.read", own},
    route{get, "/api/v1/operations/{id}", op::get_operation, "get_operation", "Get an operation",
          "Operation", 200, "", "databases.read"},
    route{get, "/api/v1/engines", op::list_engines, "list_engines",
          "List engines and the topologies that each supports", "EngineList", 200, "",
          "engines.read"},
    route{get, "/api/v1/engines/{engine}/versions", op::list_engine_versions,
          "list_engine_versions", "List the versions of an engine that the cluster offers",
          "VersionList", 200, "", "engines.read"},
    route{get, "/api/v1/projects", op::list_projects, "list_projects", "List projects",
          "ProjectList", 200, "", "projects.read"},
    route{post, "/api/v1/projects", op::create_project, "create_project", "Create a project",
          "Project", 201, "CreateProject", "projects.write", own},
    route{get, "/api/v1/projects/{name}", op::get_project, "get_project", "Get a project",
          "Project", 200, "", "projects.read"},
    route{patch, "/api/v1/projects/{name}", op::patch_project, "patch_project",
          "Update a project (merge patch)", "Project", 200, "PatchProject", "projects.write", own},
    route{del, "/api/v1/projects/{name}", op::delete_project, "delete_project",
          "Delete a project that has no databases", "", 204, "", "projects.write", own},
    route{get, "/api/v1/stream", op::stream, "stream",
          "Stream changes as server-sent events: snapshot, sync, then upsert and delete", "", 200,
          "", "databases.read"},
    route{get, "/health/live", op::live, "get_liveness", "Liveness probe", "Liveness", 200, "", "",
          any},
    route{get, "/health/ready", op::ready, "get_readiness", "Readiness probe (503 if not ready)",
          "Readiness", 200, "", "", any},
    route{get, "/metrics", op::platform_metrics, "get_platform_metrics",
          "Metrics of the platform in Prometheus format", "", 200, "", "", any},
    route{get, "/api/v1/openapi.json", op::openapi, "get_openapi",
          "OpenAPI description of this API", "Anything", 200},
    route{get, "/docs", op::docs, "get_docs", "API documentation page", "", 200, "", "", any},
    route{.verb = get,
          .pattern = "/docs/{file}",
          .id = op::static_file,
          .name = "get_docs_file",
          .summary = "File of the API documentation page",
          .status = 200,
          .query = any,
          .is_described = false},
    route{.verb = get,
          .pattern = "/",
          .id = op::home,
          .name = "get_home",
          .summary = "Redirect to the API documentation page",
          .status = 303,
          .query = any,
          .is_described = false},
};

// Compares segment by segment; `parameter` is what stands at {..}.
bool fits(std::string_view pattern, std::string_view path, std::string_view& parameter) noexcept {
    const auto open = pattern.find('{');
    if (open == std::string_view::npos) return pattern == path;
    if (path.size() <= open || path.substr(0, open) != pattern.substr(0, open)) return false;
    const auto rest = path.substr(open);
    const auto tail = pattern.substr(pattern.find('}') + 1);
    const auto end = rest.find('/');
    const auto value = rest.substr(0, end);
    if (value.empty()) return false;
    const auto behind = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    if (behind != tail) return false;
    parameter = value;
    return true;
}

}  // namespace

std::span<const route> all_routes() noexcept {
    return table;
}

matched_route match(http::method verb, std::string_view path) noexcept {
    matched_route result;
    const auto wanted = verb == head ? get : verb;
    for (const auto& each : table) {
        std::string_view parameter;
        if (!fits(each.pattern, path, parameter)) continue;
        result.path_known = true;
        if (each.verb != wanted) continue;
        result.found = &each;
        result.parameter = parameter;
        return result;
    }
    return result;
}

std::string allowed_methods(std::string_view path) {
    std::string text;
    for (const auto& each : table) {
        std::string_view parameter;
        if (!fits(each.pattern, path, parameter)) continue;
        if (!text.empty()) text += ", ";
        text += http::name(each.verb);
        if (each.verb == get) text += ", HEAD";
    }
    return text + ", OPTIONS";
}

}  // namespace api
