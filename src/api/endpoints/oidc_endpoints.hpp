#pragma once
// Logins at OpenID issuers: the authorization code flow of browsers and the device grant of command
// lines. Any HTTP loop. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Redirects a browser to an issuer. Precondition: the route is start_oidc_login.
boost::asio::awaitable<http::response> respond_with_redirect(const request_context& context,
                                                             const http::request& request);

bool is_oidc_login(endpoint id) noexcept;
// Precondition: is_oidc_login(). Sets `login` of the context after the issuer has authenticated the
// user. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_to_oidc_login(request_context& context,
                                                             const http::request& request,
                                                             const app::audited& act);

}  // namespace api
