#pragma once
// The table of routes. The handler dispatches by it, and the OpenAPI document is generated from it.
// Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "domain/access.hpp"
#include "http/message.hpp"

namespace api {

enum class endpoint : std::uint8_t {
    list_databases,
    create_database,
    get_database,
    patch_database,
    delete_database,
    recreate_database,
    get_status,
    get_metrics,
    get_metrics_history,
    get_credentials,
    get_database_access,
    list_events,
    list_database_operations,
    list_operations,
    get_operation,
    list_engines,
    list_engine_versions,
    list_projects,
    create_project,
    get_project,
    patch_project,
    delete_project,
    stream,
    whoami,
    get_rate_limits,
    check_access,
    review_access,
    list_roles,
    create_role,
    get_role,
    put_role,
    delete_role,
    list_audit,
    list_api_keys,
    create_api_key,
    get_api_key,
    patch_api_key,
    rotate_api_key,
    revoke_api_key,
    list_service_accounts,
    create_service_account,
    get_service_account,
    patch_service_account,
    delete_service_account,
    list_service_account_keys,
    create_service_account_key,
    revoke_service_account_key,
    list_members,
    put_member,
    delete_member,
    list_users,
    create_user,
    get_user,
    patch_user,
    delete_user,
    set_password,
    revoke_sessions,
    auth_methods,
    log_in,
    refresh_session,
    log_out,
    start_browser_session,
    refresh_browser_session,
    key_set,
    start_oidc_login,
    finish_oidc_login,
    start_device_login,
    finish_device_login,
    live,
    ready,
    platform_metrics,
    get_log_level,
    put_log_level,
    databases_exposition,
    openapi,
    docs,
    static_file,
    home
};

// The query parameters of a route.
enum class query_rule : std::uint8_t {
    none,  // any parameter is an error (400)
    own,   // the endpoint reads them and rejects unknown ones
    any    // ignored, because probes and browsers add parameters
};

// The kind of object that a route's path names, which decides who may see it.
enum class target_kind : std::uint8_t {
    no_object,  // a list, a new object, or the platform
    database,
    operation,
    project,
    api_key,
    user,
    role,
    service_account
};

// Restricts a route to principals with a permission, and names the kind of object that the
// permission is checked on; or opens the route to every principal or every client. There is no
// default, so that a route without it does not compile.
struct public_route_tag {};
inline constexpr public_route_tag public_route{};
struct principal_route_tag {};
inline constexpr principal_route_tag principal_route{};
class route_access {
  public:
    constexpr route_access(domain::permission action, target_kind target) noexcept
        : permission_(action), target_(target) {}
    // Implicit, so that a row of the table names the tag alone.
    // NOLINTBEGIN(google-explicit-constructor)
    constexpr route_access(public_route_tag) noexcept : is_public_(true) {}
    constexpr route_access(principal_route_tag) noexcept {}
    // NOLINTEND(google-explicit-constructor)
    [[nodiscard]] constexpr bool is_public() const noexcept { return is_public_; }
    // Returns this access, open to principals with the permission alone as well: the endpoint
    // decides which of their requests it accepts. Precondition: permission() includes it.
    [[nodiscard]] constexpr route_access allow_part(domain::permission action) const noexcept {
        auto result = *this;
        result.partial_permission_ = action;
        return result;
    }
    // Returns nothing for routes that every principal or every client may use.
    [[nodiscard]] constexpr std::optional<domain::permission> permission() const noexcept {
        return permission_;
    }
    // Returns the permission that allows only some requests of the route; nothing for most routes.
    [[nodiscard]] constexpr std::optional<domain::permission> partial_permission() const noexcept {
        return partial_permission_;
    }
    [[nodiscard]] constexpr target_kind target() const noexcept { return target_; }

  private:
    std::optional<domain::permission> permission_;
    std::optional<domain::permission> partial_permission_;
    target_kind target_ = target_kind::no_object;
    bool is_public_ = false;
};

struct route {
    http::method verb;
    std::string_view pattern;  // "/api/v1/databases/{id}/status"
    endpoint id;
    std::string_view name;  // operationId
    route_access access;
    std::string_view summary;
    std::string_view response;  // name of the schema of a successful response; "" = not JSON
    unsigned status;            // of a successful response
    std::string_view body{};    // name of the schema of the request body
    query_rule query = query_rule::none;
    bool is_described = true;  // in the OpenAPI document

    [[nodiscard]] constexpr target_kind target() const noexcept { return access.target(); }
};

// Returns whether each request of the route has rows in the audit log: every write, the read of
// credentials, and a login that ends with a redirect. The name of the route is the action of the
// rows.
[[nodiscard]] constexpr bool is_audited(const route& route) noexcept {
    const bool is_question =
        route.id == endpoint::check_access || route.id == endpoint::review_access;
    return (route.verb != http::method::get && !is_question) ||
           route.id == endpoint::get_credentials || route.id == endpoint::finish_oidc_login;
}

// Returns whether HEAD matches the route: a GET without effects. A GET of a login has effects: the
// start asks the issuer and sets a cookie, and the end consumes the code.
[[nodiscard]] constexpr bool accepts_head(const route& route) noexcept {
    return route.verb == http::method::get && route.id != endpoint::start_oidc_login &&
           route.id != endpoint::finish_oidc_login;
}

std::span<const route> all_routes() noexcept;

struct matched_route {
    const ::api::route* route = nullptr;  // null if the path does not support the method
    bool path_known = false;
    std::string_view parameter;         // the value of {..}, still percent-encoded
    std::string_view second_parameter;  // of the second {..}
};
// Finds the route of a request. HEAD matches the routes with accepts_head().
matched_route match(http::method verb, std::string_view path) noexcept;
// Returns the methods of a path, such as "GET, HEAD, POST, OPTIONS".
std::string allowed_methods(std::string_view path);

}  // namespace api
