#pragma once
// The rows of requests in the audit log. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "app/audit/audited.hpp"
#include "http/message.hpp"

namespace api {

// Writes the row before an act. Errors: unavailable; the act must not happen.
aio::task<app::audited> begin_audit(const request_context& context, const http::request& request);
// Writes the row after the act. Never fails the request.
void end_audit(const request_context& context, app::audited act, const http::response& response);
// Writes the row of a request that was denied before its act: 401 with a credential, 403, 429.
void note_denial(const request_context& context, const http::request& request, unsigned status);

}  // namespace api
