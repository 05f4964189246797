#include <fmt/format.h>

#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "app/identity/credential_text.hpp"

namespace api {
namespace {

http::response options_response(std::string_view path, const request_context& context) {
    http::response response{.status = 204};
    response.headers.add("Allow", allowed_methods(path));
    if (context.allowed_origin.empty()) return response;
    response.headers.add("Access-Control-Allow-Methods", allowed_methods(path));
    response.headers.add(
        "Access-Control-Allow-Headers",
        "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, "
        "If-None-Match, Last-Event-ID, X-CSRF-Token, X-Min-Revision, X-Request-Id, "
        "traceparent");
    response.headers.add("Access-Control-Max-Age", "600");
    return response;
}

}  // namespace

std::optional<http::response> find_route(const http::request& request, request_context& context) {
    const auto spelling = request.path();
    const bool has_escapes = spelling.contains('%');
    const auto decoded = has_escapes ? http::decode_unreserved(spelling) : std::string();
    const auto path = has_escapes ? std::string_view(decoded) : spelling;
    const auto matched = match(request.verb, path);
    if (!matched.path_known) {
        return problem(404, "not_found", "no such path", context.request_id);
    }
    if (request.verb == http::method::options) return options_response(path, context);
    if (matched.route == nullptr) {
        const auto method = request.verb == http::method::other
                                ? std::string_view(request.verb_text)
                                : context.method;
        auto response = problem(405, "method_not_allowed",
                                fmt::format("method {} is not supported by this path", method),
                                context.request_id);
        response.headers.add("Allow", allowed_methods(path));
        return response;
    }
    context.route = matched.route;
    // Neither the audit log nor a response repeats the path then.
    if (app::contains_credential(path)) {
        return problem(
            400, "credential_in_path",
            "a URL must not contain an API key or a token, because logs and histories keep "
            "URLs; the id of a key is its second part",
            context.request_id);
    }
    auto parameter = http::decode_percent(matched.parameter, false);
    auto second = http::decode_percent(matched.second_parameter, false);
    if (!parameter || !second) {
        return problem(400, "bad_request", "path: invalid percent-encoding", context.request_id);
    }
    context.parameter = std::move(*parameter);
    context.second_parameter = std::move(*second);
    return std::nullopt;
}

}  // namespace api
