#pragma once
// Error responses: problem documents (RFC 9457), and the one table from errc to HTTP status.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "http/message.hpp"
#include "obs/log.hpp"

namespace api {

// Returns the HTTP status of a failure.
unsigned status_of(const base::failure& failure) noexcept;
// Returns the problem document of a failure. Internal failures and those of the store are logged
// with their texts, and the document does not contain these.
http::response problem(const base::failure& failure, std::string_view request_id, obs::log& log);
// Returns a problem document for an error that is no failure of the platform.
http::response problem(unsigned status, std::string_view code, std::string_view detail,
                       std::string_view request_id);

// A response with the media type application/json.
http::response json_response(http::body body, unsigned status = 200);

}  // namespace api
