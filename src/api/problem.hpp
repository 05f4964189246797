#pragma once
// Failures as answers: RFC 9457 problem documents, and the one table from errc to HTTP status.
// Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "http/message.hpp"

namespace api {

unsigned status_of(const base::failure& why) noexcept;
// application/problem+json; what is inside of the platform is not told to strangers.
http::response problem(const base::failure& why, std::string_view request_id);
http::response problem(unsigned status, std::string_view code, std::string_view detail,
                       std::string_view request_id);

}  // namespace api
