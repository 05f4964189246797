#pragma once
// GET /metrics/databases: the metrics of all visible databases for Prometheus. The page of 10,000
// databases is large, so the coroutine gives its HTTP loop back between parts. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Precondition: the route is databases_exposition. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_with_exposition(const request_context& context,
                                                               const http::request& request);

}  // namespace api
