#include "api/endpoints/audit_endpoints.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "base/ascii.hpp"
#include "http/negotiation.hpp"

namespace api {

std::optional<http::response> check_accept(const http::request& request, request_context& context) {
    if (context.route->response.empty()) return std::nullopt;
    if (wants_export(context, request)) return std::nullopt;
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
    const bool is_json =
        base::equals_ignore_case(type, "application/json") ||
        (is_patch && base::equals_ignore_case(type, "application/merge-patch+json"));
    if (!is_json) {
        return problem(415, "unsupported_media_type", "Content-Type: must be application/json",
                       context.request_id);
    }
    const auto charset = http::media_type_parameter(request.headers.get("Content-Type"), "charset");
    if (!charset || base::equals_ignore_case(*charset, "utf-8") ||
        base::equals_ignore_case(*charset, "utf8")) {
        return std::nullopt;
    }
    return problem(415, "unsupported_media_type", "Content-Type: charset must be utf-8",
                   context.request_id);
}

std::optional<http::response> check_content_encoding(const http::request& request,
                                                     request_context& context) {
    if (context.route->body.empty() || !request.headers.has("Content-Encoding")) {
        return std::nullopt;
    }
    const auto coding = request.headers.get("Content-Encoding");
    if (is_gzip(coding) || base::equals_ignore_case(base::trimmed(coding), "identity")) {
        return std::nullopt;
    }
    auto response = problem(415, "unsupported_content_encoding",
                            "Content-Encoding: must be gzip or identity", context.request_id);
    response.headers.add("Accept-Encoding", "gzip, identity");  // RFC 9110, 15.5.16
    return response;
}

bool is_gzip(std::string_view content_encoding) noexcept {
    const auto coding = base::trimmed(content_encoding);
    return base::equals_ignore_case(coding, "gzip") || base::equals_ignore_case(coding, "x-gzip");
}

}  // namespace api
