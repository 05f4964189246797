#pragma once
// Endpoints that the read model alone serves. They never wait and run on every HTTP loop. Inside
// api only.

#include <optional>
#include <string>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns nothing if the route is not a read, or if the read needs the control loop
// (live_endpoints.hpp). Precondition: the middleware let the request through.
std::optional<http::response> respond_from_cache(const request_context& context,
                                                 const http::request& request);

}  // namespace api
