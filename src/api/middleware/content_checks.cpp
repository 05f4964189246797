#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "base/ascii.hpp"
#include "http/negotiation.hpp"

namespace api {

std::optional<http::response> check_accept(const http::request& request, request_context& context) {
    if (context.route->response.empty()) return std::nullopt;
    if (http::accepts_json(request.headers.get("Accept"))) return std::nullopt;
    return problem(406, "not_acceptable", "Accept: must allow application/json",
                   context.request_id);
}

std::optional<http::response> check_query(const http::request& request, request_context& context) {
    if (context.route->query != query_rule::none || request.query().empty()) return std::nullopt;
    return problem(400, "bad_request", "this path takes no query parameters", context.request_id);
}

std::optional<http::response> check_content_type(const http::request& request,
                                                 request_context& context) {
    if (context.route->body.empty()) return std::nullopt;
    const auto type = http::media_type(request.headers.get("Content-Type"));
    const bool is_patch = request.verb == http::method::patch;
    if (base::equals_ignore_case(type, "application/json") ||
        (is_patch && base::equals_ignore_case(type, "application/merge-patch+json"))) {
        return std::nullopt;
    }
    return problem(415, "unsupported_media_type", "Content-Type: must be application/json",
                   context.request_id);
}

}  // namespace api
