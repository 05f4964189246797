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
          route_access(create_databases, no_object).allow_part(create_databases_from_preset),
          "Create a database", "Accepted", 202, "CreateDatabase", own},
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
    route{get, "/api/v1/databases/{id}/access", op::get_database_access, "get_database_access",
          route_access(read_members, database),
          "List the subjects that may read the credentials of a database", "AccessReview", 200},
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
    route{get, "/api/v1/rate-limits", op::get_rate_limits, "get_rate_limits", principal_route,
          "Get the rate limits of the caller", "RateLimits", 200},
    route{post, "/api/v1/auth/can", op::check_access, "check_access", principal_route,
          "Explain for each permission whether the caller has it", "AccessChecks", 200,
          "CheckAccess"},
    route{post, "/api/v1/access-reviews", op::review_access, "review_access",
          route_access(domain::permission::review_access, no_object),
          "List the subjects and API keys that have a permission", "AccessReview", 200,
          "ReviewAccess"},
    route{get, "/api/v1/roles", op::list_roles, "list_roles", route_access(read_roles, no_object),
          "List the built-in and the custom roles", "RoleList", 200, "", own},
    route{post, "/api/v1/roles", op::create_role, "create_role",
          route_access(update_roles, no_object), "Create a custom role", "Role", 201, "CreateRole"},
    route{get, "/api/v1/roles/{name}", op::get_role, "get_role",
          route_access(read_roles, target_kind::role), "Get a role", "Role", 200},
    route{put, "/api/v1/roles/{name}", op::put_role, "put_role",
          route_access(update_roles, target_kind::role),
          "Replace the description and the permissions of a custom role", "Role", 200, "PutRole"},
    route{del, "/api/v1/roles/{name}", op::delete_role, "delete_role",
          route_access(update_roles, target_kind::role), "Delete a custom role that no member has",
          "", 204},
    route{get, "/api/v1/audit", op::list_audit, "list_audit", route_access(read_audit, no_object),
          "List rows of the audit log, oldest first; application/x-ndjson and text/csv export them",
          "AuditPage", 200, "", own},
    route{get, "/api/v1/api-keys", op::list_api_keys, "list_api_keys",
          route_access(read_keys, no_object),
          "List API keys: an administrator's list has every key", "ApiKeyList", 200, "", own},
    route{post, "/api/v1/api-keys", op::create_api_key, "create_api_key",
          route_access(create_keys, no_object),
          "Create an API key; the response is the only one that contains it", "CreatedApiKey", 201,
          "CreateApiKey"},
    route{get, "/api/v1/api-keys/{id}", op::get_api_key, "get_api_key",
          route_access(read_keys, api_key), "Get an API key, without its secret", "ApiKey", 200},
    route{patch, "/api/v1/api-keys/{id}", op::patch_api_key, "patch_api_key",
          route_access(update_keys, api_key),
          "Change the name, the limits or the expiry of an API key (merge patch)", "ApiKey", 200,
          "PatchApiKey"},
    route{post, "/api/v1/api-keys/{id}/rotate", op::rotate_api_key, "rotate_api_key",
          route_access(update_keys, api_key),
          "Give an API key another secret; the response is the only one that contains it",
          "CreatedApiKey", 200, "RotateApiKey"},
    route{del, "/api/v1/api-keys/{id}", op::revoke_api_key, "revoke_api_key",
          route_access(revoke_keys, api_key), "Revoke an API key", "", 204},
    route{get, "/api/v1/service-accounts", op::list_service_accounts, "list_service_accounts",
          route_access(read_service_accounts, no_object), "List service accounts",
          "ServiceAccountList", 200, "", own},
    route{post, "/api/v1/service-accounts", op::create_service_account, "create_service_account",
          route_access(update_service_accounts, no_object), "Create a service account",
          "ServiceAccount", 201, "CreateServiceAccount"},
    route{get, "/api/v1/service-accounts/{name}", op::get_service_account, "get_service_account",
          route_access(read_service_accounts, service_account), "Get a service account",
          "ServiceAccount", 200},
    route{patch, "/api/v1/service-accounts/{name}", op::patch_service_account,
          "patch_service_account", route_access(update_service_accounts, service_account),
          "Change the description or the state of a service account (merge patch)",
          "ServiceAccount", 200, "PatchServiceAccount"},
    route{del, "/api/v1/service-accounts/{name}", op::delete_service_account,
          "delete_service_account", route_access(update_service_accounts, service_account),
          "Delete a service account, its roles and its API keys", "", 204},
    route{get, "/api/v1/service-accounts/{name}/api-keys", op::list_service_account_keys,
          "list_service_account_keys", route_access(read_service_accounts, service_account),
          "List the API keys of a service account", "ApiKeyList", 200, "", own},
    route{post, "/api/v1/service-accounts/{name}/api-keys", op::create_service_account_key,
          "create_service_account_key", route_access(update_service_accounts, service_account),
          "Create an API key of a service account; the response is the only one that contains it",
          "CreatedApiKey", 201, "CreateServiceAccountKey"},
    route{del, "/api/v1/service-accounts/{name}/api-keys/{id}", op::revoke_service_account_key,
          "revoke_service_account_key", route_access(update_service_accounts, service_account),
          "Revoke an API key of a service account", "", 204},
    route{get, "/api/v1/users", op::list_users, "list_users", route_access(read_users, no_object),
          "List users", "UserList", 200, "", own},
    route{post, "/api/v1/users", op::create_user, "create_user",
          route_access(create_users, no_object), "Create a user", "User", 201, "CreateUser"},
    route{get, "/api/v1/users/{name}", op::get_user, "get_user", route_access(read_users, user),
          "Get a user", "User", 200},
    route{patch, "/api/v1/users/{name}", op::patch_user, "patch_user",
          route_access(update_users, user), "Update a user (merge patch)", "User", 200,
          "PatchUser"},
    route{del, "/api/v1/users/{name}", op::delete_user, "delete_user",
          route_access(delete_users, user), "Delete a user, its roles and its API keys", "", 204},
    route{post, "/api/v1/users/{name}/password", op::set_password, "set_user_password",
          route_access(update_users, user), "Set the password of a user and end its sessions", "",
          204, "SetPassword"},
    route{post, "/api/v1/users/{name}/sessions:revoke", op::revoke_sessions, "revoke_user_sessions",
          route_access(update_users, user), "End every session of a user", "", 204},
    route{get, "/api/v1/auth/methods", op::auth_methods, "get_auth_methods", public_route,
          "List the ways to authenticate", "AuthMethods", 200},
    route{post, "/api/v1/auth/login", op::log_in, "log_in", public_route,
          "Start a session with a user name and a password", "Tokens", 200, "Login"},
    route{post, "/api/v1/auth/refresh", op::refresh_session, "refresh_session", public_route,
          "Exchange a refresh token for new tokens", "Tokens", 200, "Refresh"},
    route{post, "/api/v1/auth/logout", op::log_out, "log_out", principal_route,
          "End the session of the access token", "", 204},
    route{post, "/api/v1/auth/session", op::start_browser_session, "start_browser_session",
          public_route, "Start a session whose tokens are in cookies", "BrowserSession", 200,
          "Login"},
    route{post, "/api/v1/auth/session:refresh", op::refresh_browser_session,
          "refresh_browser_session", public_route, "Renew the cookies of a session",
          "BrowserSession", 200},
    route{get, "/api/v1/auth/oidc/{issuer}/start", op::start_oidc_login, "start_oidc_login",
          public_route, "Redirect a browser to an OpenID issuer", "", 303, "", own},
    route{get, "/api/v1/auth/oidc/{issuer}/callback", op::finish_oidc_login, "finish_oidc_login",
          public_route, "Start a browser session after a login at an OpenID issuer", "", 303, "",
          any},
    route{post, "/api/v1/auth/device", op::start_device_login, "start_device_login", public_route,
          "Start a login on another device (RFC 8628)", "DeviceLogin", 200, "StartDeviceLogin"},
    route{post, "/api/v1/auth/device/token", op::finish_device_login, "finish_device_login",
          public_route, "Poll for the tokens of a login on another device", "Tokens", 200,
          "FinishDeviceLogin"},
    route{get, "/.well-known/jwks.json", op::key_set, "get_key_set", public_route,
          "Public keys that verify access tokens (RFC 7517)", "KeySet", 200, "", any},
    route{get, "/health/live", op::live, "get_liveness", public_route, "Liveness probe", "Liveness",
          200, "", any},
    route{get, "/health/ready", op::ready, "get_readiness", public_route,
          "Readiness probe (503 if not ready)", "Readiness", 200, "", any},
    route{get, "/metrics", op::platform_metrics, "get_platform_metrics",
          route_access(read_platform, no_object), "Metrics of the platform in Prometheus format",
          "", 200, "", any},
    route{get, "/api/v1/platform/log-level", op::get_log_level, "get_log_level",
          route_access(read_platform, no_object), "Get the log levels in use", "LogLevel", 200},
    route{put, "/api/v1/platform/log-level", op::put_log_level, "put_log_level",
          route_access(update_platform, no_object),
          "Change the log levels for a limited time, or restore the configured ones", "LogLevel",
          200, "PutLogLevel"},
    route{get, "/metrics/databases", op::databases_exposition, "get_databases_exposition",
          route_access(read_databases, no_object),
          "Metrics of all databases in Prometheus or OpenMetrics format", "", 200, "", own},
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

// The check before the endpoint asks for the partial permission alone, and names no object.
constexpr bool has_valid_parts() {
    for (const auto& route : table) {
        const auto part = route.access.partial_permission();
        if (!part) continue;
        if (domain::wider_permission(*part) != route.access.permission()) return false;
        if (route.target() != no_object) return false;
    }
    return true;
}
static_assert(has_valid_parts());

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
    for (const auto& route : table) {
        parameter_values parameters;
        if (!fits(route.pattern, path, parameters)) continue;
        result.path_known = true;
        if (verb == head ? !accepts_head(route) : route.verb != verb) continue;
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
        if (accepts_head(route)) text += ", HEAD";
    }
    return text + ", OPTIONS";
}

}  // namespace api
