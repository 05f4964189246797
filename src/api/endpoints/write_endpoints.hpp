#pragma once
// Endpoints that change something: idempotency keys, preconditions, and the calls on the control
// loop. Inside api only.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Precondition: the route is a write. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_to_write(const request_context& context,
                                                        const http::request& request);

// Returns whether a response is stored for its Idempotency-Key. Error responses are not stored: the
// request wrote nothing, and a retry may succeed.
bool is_worth_keeping(unsigned status, std::size_t bytes) noexcept;

}  // namespace api
