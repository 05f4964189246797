#pragma once
// The checks that run before an endpoint, in the order of this header. A function either completes
// the context, or returns the response that ends the request. Any HTTP loop; none of them waits.
// Inside api only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

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
// Sets `principal` unless the route is public. 400 if the query has a credential; 403 if a write
// with the session cookie has no CSRF token; 401; 429 if the address has sent too many requests
// with a missing or invalid credential; 503 if the credential cannot be verified now, with
// `needs_lookup` if another system must verify it first.
std::optional<http::response> authenticate(const http::request& request, request_context& context);
// 429 if the caller exceeds its rate limit. Sets `limit`.
std::optional<http::response> check_rate(const http::request& request, request_context& context);
// 404 if the principal may not see the object that the path names, 403 if it lacks the permission
// of the route and the one for a part of its requests.
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

// Like check_rate(), against the limit that the replicas share. Runs before the endpoint of a
// request that check_rate() has admitted. A limiter that fails never fails the request.
boost::asio::awaitable<std::optional<http::response>> check_shared_rate(
    const http::request& request, request_context& context);
// 429 if there are too many attempts to log in as the user, which need not exist. For the endpoint
// of a login, before the password is verified.
boost::asio::awaitable<std::optional<http::response>> check_login_rate(request_context& context,
                                                                       std::string user);
// Returns the principal of a request, or its address if it has none, as a caller of one class.
rate_limits::caller rate_caller_of(const http::request& request, const request_context& context,
                                   domain::rate_class kind);

// Returns the project of the object that the path names; nothing if the object does not exist.
std::optional<std::string> project_of_target(const request_context& context);
// Returns the id of the database that the path names, or of the database of its operation. Empty if
// the path names no such object.
std::string database_of_target(const request_context& context);
// 404 for the object that the path of the request names.
http::response no_such_target(const request_context& context);
// Returns whether a key is one of the caller's, or the caller may see every key. A revoked key is
// not visible.
bool is_visible_key(const domain::api_key& key, const domain::principal& caller) noexcept;
// Returns the key that the path names; null if it does not exist or is not visible.
std::shared_ptr<const domain::api_key> find_visible_key(const request_context& context);
// Returns whether a user is the caller's, or the caller may see every user.
bool is_visible_user(const domain::user& user, const domain::principal& caller) noexcept;
// Returns the user that the path names; null if it does not exist or is not visible.
app::shared_user find_visible_user(const request_context& context);
// 403 with the missing permission and who can grant it.
http::response missing_permission(const request_context& context, domain::permission action,
                                  const domain::resource& target = {});
// Returns whether a Content-Encoding header names gzip alone.
bool is_gzip(std::string_view content_encoding) noexcept;
// Adds the headers that let a browser of another origin read the response, and "Vary: Origin" if
// the configuration has origins.
void add_cors_headers(http::headers& headers, const request_context& context);

}  // namespace api
