#include <fmt/format.h>

#include <charconv>

#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"

namespace api {
namespace {

http::response options_response(std::string_view path, const request_context& context) {
    http::response response{.status = 204};
    response.headers.add("Allow", allowed_methods(path));
    if (context.allowed_origin.empty()) return response;
    response.headers.add("Access-Control-Allow-Methods", allowed_methods(path));
    response.headers.add("Access-Control-Allow-Headers",
                         "Content-Type, If-Match, If-None-Match, Idempotency-Key, "
                         "X-Request-Id, Last-Event-ID");
    response.headers.add("Access-Control-Max-Age", "600");
    return response;
}

bool is_unreserved(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// Decodes the percent-encoded unreserved characters of a path (RFC 3986, 6.2.2.2). Leaves other
// escapes unchanged.
std::string normalized(std::string_view path) {
    std::string result;
    result.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        const auto escape = path.substr(i, 3);
        unsigned code = 0;
        const auto* const end = escape.data() + escape.size();
        const bool is_escape = escape.size() == 3 && escape.starts_with('%') &&
                               std::from_chars(escape.data() + 1, end, code, 16).ptr == end;
        if (is_escape && is_unreserved(static_cast<char>(code))) {
            result += static_cast<char>(code);
            i += 2;
        } else {
            result += path[i];
        }
    }
    return result;
}

}  // namespace

std::optional<http::response> find_route(const http::request& request, request_context& context) {
    const auto spelling = request.path();
    const bool has_escapes = spelling.contains('%');
    const auto decoded = has_escapes ? normalized(spelling) : std::string();
    const auto path = has_escapes ? std::string_view(decoded) : spelling;
    const auto matched = match(request.verb, path);
    if (!matched.path_known) {
        return problem(404, "not_found", "no such path", context.request_id);
    }
    if (request.verb == http::method::options) return options_response(path, context);
    if (matched.route == nullptr) {
        auto response =
            problem(405, "method_not_allowed",
                    fmt::format("method {} is not supported by this path", context.method),
                    context.request_id);
        response.headers.add("Allow", allowed_methods(path));
        return response;
    }
    context.route = matched.route;
    auto parameter = http::decode_percent(matched.parameter, false);
    if (!parameter) {
        return problem(400, "bad_request", "path: invalid percent-encoding", context.request_id);
    }
    context.parameter = std::move(*parameter);
    return std::nullopt;
}

}  // namespace api
