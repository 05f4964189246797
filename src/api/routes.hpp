#pragma once
// The table of routes: what the handler dispatches by and what the OpenAPI document is made of.
// Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace api {

enum class operation_id : std::uint8_t {
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
    live,
    ready,
    platform_metrics,
    openapi,
    docs,
    static_file,
    home
};

// What a query may hold.
enum class query_rule : std::uint8_t {
    none,  // nothing: 400
    own,   // what the route reads; it refuses the rest
    any    // whatever: probes and pages are asked for with all kinds of things
};

struct route {
    http::method verb;
    std::string_view pattern;  // "/api/v1/databases/{id}/status"
    operation_id id;
    std::string_view name;  // operationId
    std::string_view summary;
    std::string_view answer;        // name of the schema of the success answer; "" = not JSON
    unsigned status;                // of success
    std::string_view body{};        // name of the schema of the request body
    std::string_view permission{};  // "databases.read"; "" = open to everybody
    query_rule query = query_rule::none;
    bool is_described = true;  // in the OpenAPI document; what a page is made of is not
};

std::span<const route> all_routes() noexcept;

struct matched_route {
    const route* found = nullptr;  // null with path_known: another method is meant
    bool path_known = false;
    std::string_view parameter;  // the value of {..}, still percent-encoded
};
// HEAD is matched as GET.
matched_route match(http::method verb, std::string_view path) noexcept;
// "GET, HEAD, POST, OPTIONS" of a path.
std::string allowed_methods(std::string_view path);

}  // namespace api
