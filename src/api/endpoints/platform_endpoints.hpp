#pragma once
// Endpoints of the platform itself. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns the log levels in use. Thread: any HTTP loop.
http::response log_level_response(const request_context& context);
// The context outlives the coroutine.
boost::asio::awaitable<http::response> change_log_level(const request_context& context,
                                                        const http::request& request);

}  // namespace api
