#pragma once
// Endpoints that change something: idempotency keys, preconditions, and the calls on the control
// loop. Inside api only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "api/context.hpp"
#include "http/message.hpp"

namespace api {

// Precondition: the route is a write. The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_to_write(const request_context& context,
                                                        const http::request& request,
                                                        const app::audited& act);

// Stores the body of a compressed request in `out`, which is empty otherwise. Returns the error
// response if the body cannot be decompressed.
std::optional<http::response> decompress(const request_context& context,
                                         const http::request& request, std::string& out);

// Returns the versions of If-Match; nothing if the request accepts any. Errors: bad_request,
// precondition (no tag has a revision).
base::outcome<app::seen_versions> read_if_match(const http::request& request);

// Returns whether a response is stored for its Idempotency-Key. Error responses are not stored: the
// request wrote nothing, and a retry may succeed.
bool is_worth_keeping(unsigned status, std::size_t bytes) noexcept;

}  // namespace api
