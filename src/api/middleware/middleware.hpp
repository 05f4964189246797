#pragma once
// The checks that run before an endpoint, in the order of this header. A function either completes
// the context, or returns the response that ends the request. Any HTTP loop; none of them waits.
// Inside api only.

#include <optional>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

using middleware = std::optional<http::response> (*)(const http::request&, request_context&);

// Sets `allowed_origin`.
std::optional<http::response> check_origin(const http::request& request, request_context& context);
// 421 if the Host header is not an allowed host.
std::optional<http::response> check_host(const http::request& request, request_context& context);
// Sets `route` and `parameter`. Percent-encoded unreserved characters match like themselves. 404,
// 405; 400 if the path cannot be decoded; 204 for OPTIONS.
std::optional<http::response> find_route(const http::request& request, request_context& context);
// Sets `principal` unless the route is public. 401.
std::optional<http::response> authenticate(const http::request& request, request_context& context);
// 404 if the principal may not see the object that the path names, 403 if it lacks the permission.
// Sets `hides_target` instead of 404 for a write whose Idempotency-Key may replay a response.
std::optional<http::response> authorize(const http::request& request, request_context& context);
// 406 if the client does not accept JSON.
std::optional<http::response> check_accept(const http::request& request, request_context& context);
// 400 if the route takes no query parameters and there are some.
std::optional<http::response> check_query(const http::request& request, request_context& context);
// 415 if the body has a media type that the route does not take, or a charset other than UTF-8.
std::optional<http::response> check_content_type(const http::request& request,
                                                 request_context& context);
// 415 if the body has a content coding other than gzip or identity.
std::optional<http::response> check_content_encoding(const http::request& request,
                                                     request_context& context);

// Runs all of the above. Returns nothing if the endpoint should run.
std::optional<http::response> run_middleware(const http::request& request,
                                             request_context& context);

// 404 for the object that the path of the request names.
http::response no_such_target(const request_context& context);
// Returns whether a key is one of the caller's, or the caller may see every key. A revoked key is
// not visible.
bool is_visible_key(const domain::api_key& key, const domain::principal& caller) noexcept;
// Returns the key that the path names; null if it does not exist or is not visible.
std::shared_ptr<const domain::api_key> find_visible_key(const request_context& context);
// 403.
http::response missing_permission(const request_context& context, domain::permission action);
// Returns whether a Content-Encoding header names gzip alone.
bool is_gzip(std::string_view content_encoding) noexcept;
// Adds the headers that let a browser of another origin read the response, and "Vary: Origin" if
// the configuration has origins.
void add_cors_headers(http::headers& headers, const request_context& context);

}  // namespace api
