#pragma once
// Query strings of requests. Every route reads its parameters here, so that all of them reject the
// same mistakes. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "http/message.hpp"

namespace api {

// Causes of a request that is malformed, in contrast to one whose values break a rule. The response
// is a 400.
enum class request_cause : std::uint8_t { bad_request };
std::string_view name(request_cause cause) noexcept;
// Returns a failure with errc::invalid and request_cause::bad_request.
std::unexpected<base::failure> bad_request(std::string text);

struct query_parameter {
    std::string_view name;
    bool is_repeatable = false;
};
// Returns the parameters in the order of the query. Errors: bad_request (malformed, unknown name,
// a parameter given twice that is not repeatable).
base::outcome<std::vector<http::query_item>> read_query(std::string_view query,
                                                        std::span<const query_parameter> known);

// Reads the value of `limit`. Errors: bad_request (not between 1 and 500).
base::outcome<void> read_limit(std::string_view value, std::size_t& limit);

}  // namespace api
