#pragma once
// Reads that no cache serves: credentials, which are never stored, and the history of a metric.
// They run on the control loop. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Precondition: the route is get_metrics_history. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_with_history(const request_context& context,
                                                            const http::request& request);
// Precondition: the route is get_credentials. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_with_credentials(const request_context& context,
                                                                const app::audited& act);

}  // namespace api
