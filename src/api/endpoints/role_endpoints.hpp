#pragma once
// Endpoints of roles. Reads are served from the published index on every HTTP loop; writes run on
// the control loop. Inside api only.

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns nothing if the route is no read of this file.
std::optional<http::response> respond_from_roles(const request_context& context,
                                                 const http::request& request);

bool is_role_write(endpoint id) noexcept;
// Precondition: is_role_write(). The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_to_role_write(const request_context& context,
                                                             const http::request& request,
                                                             const app::audited& act);

}  // namespace api
