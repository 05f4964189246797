#include <algorithm>

#include "api/middleware/middleware.hpp"

namespace api {

std::optional<http::response> check_origin(const http::request& request, request_context& context) {
    const auto origin = request.headers.get("Origin");
    if (origin.empty()) return std::nullopt;
    const bool is_allowed = std::ranges::any_of(
        context.api.options.cors_origins,
        [&](const std::string& allowed) { return allowed == "*" || allowed == origin; });
    if (is_allowed) context.allowed_origin = origin;
    return std::nullopt;
}

void add_cors_headers(http::headers& headers, const request_context& context) {
    // Also without an Origin header: a cache must not give this response to another origin.
    if (!context.api.options.cors_origins.empty()) headers.add("Vary", "Origin");
    if (context.allowed_origin.empty()) return;
    headers.add("Access-Control-Allow-Origin", context.allowed_origin);
    headers.add("Access-Control-Expose-Headers",
                "Age, Allow, ETag, Idempotency-Replayed, Location, RateLimit, "
                "RateLimit-Policy, Retry-After, WWW-Authenticate, X-Observed-At, X-Request-Id");
}

}  // namespace api
