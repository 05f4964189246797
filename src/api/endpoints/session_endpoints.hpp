#pragma once
// Endpoints of logins and sessions. The methods and the key set are served on every HTTP loop; the
// rest runs on the control loop. Inside api only.

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns nothing if the route is no read of this file.
std::optional<http::response> respond_from_sessions(const request_context& context,
                                                    const http::request& request);

// The response that starts or continues a session. No cache may store it.
http::response tokens_response(const app::issued_tokens& tokens);

bool is_session_write(endpoint id) noexcept;
// Precondition: is_session_write(). Sets `login` of the context. The context outlives the
// coroutine.
boost::asio::awaitable<http::response> respond_to_session_write(request_context& context,
                                                                const http::request& request,
                                                                const app::audited& act);

}  // namespace api
