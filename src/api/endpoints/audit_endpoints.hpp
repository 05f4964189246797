#pragma once
// The audit log for its readers. Reads of the store run on the control loop. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Returns whether the client requests the audit log as application/x-ndjson or text/csv.
bool wants_export(const request_context& context, const http::request& request) noexcept;

// Precondition: the route is list_audit. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_with_audit(const request_context& context,
                                                          const http::request& request);

}  // namespace api
