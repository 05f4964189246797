#pragma once
// Failures as answers: RFC 9457 problem documents, and the one table from errc to HTTP status.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "http/message.hpp"
#include "obs/log.hpp"

namespace api {

unsigned status_of(const base::failure& why) noexcept;
// application/problem+json; what is inside of the platform is not told to strangers, but to the
// log.
http::response problem(const base::failure& why, std::string_view request_id, obs::log& log);
http::response problem(unsigned status, std::string_view code, std::string_view detail,
                       std::string_view request_id);

// A response with the media type application/json.
http::response json_response(http::body body, unsigned status = 200);

}  // namespace api
