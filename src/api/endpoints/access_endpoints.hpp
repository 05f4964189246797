#pragma once
// Endpoints that explain access: may the caller do something, and who else may. They read the
// published indexes of keys, members and users on every HTTP loop. Inside api only.

#include <optional>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns nothing if the route is no route of this file.
std::optional<http::response> respond_about_access(const request_context& context,
                                                   const http::request& request);

}  // namespace api
