#pragma once
// Endpoints of API keys and of the caller's own identity. Reads are served from the published
// index on every HTTP loop; writes run on the control loop. Inside api only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/context.hpp"
#include "api/read_model/item_page.hpp"
#include "http/message.hpp"

namespace api {

// Returns nothing if the route is no read of this file.
std::optional<http::response> respond_from_keys(const request_context& context,
                                                const http::request& request);

// 400 if the request has an Idempotency-Key, because a stored response would contain a key.
std::optional<http::response> reject_idempotency(const request_context& context,
                                                 const http::request& request);
// Returns the key as an item of a page.
page_item key_item(const std::string& id, const app::known_key& key,
                   const request_context& context);
// Returns 201 with the text of the key.
http::response created_key_response(const app::created_key& created,
                                    const request_context& context);
// Logs the revocation and returns 204.
http::response revoked_key_response(std::string_view id, const request_context& context);

bool is_key_write(endpoint id) noexcept;
// Precondition: is_key_write(). The context outlives the coroutine.
boost::asio::awaitable<http::response> respond_to_key_write(const request_context& context,
                                                            const http::request& request,
                                                            const app::audited& act);

}  // namespace api
