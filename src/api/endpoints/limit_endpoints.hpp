#pragma once
// The rate limits of the caller. Inside api only.

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Lists the limits in force for the principal. The limits of a class that replicas share are as of
// the caller's last request to this replica.
http::response rate_limits_response(const request_context& context);

}  // namespace api
