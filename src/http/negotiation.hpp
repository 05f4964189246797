#pragma once
// Content negotiation: reads Accept, Accept-Encoding and Content-Type (RFC 9110, 8.3 and 12.5).
// Pure.

#include <optional>
#include <string_view>

namespace http {

// Returns whether an Accept-Encoding header allows gzip.
bool accepts_gzip(std::string_view accept_encoding) noexcept;
// Returns whether an Accept header allows application/json. Ignores weights.
bool accepts_json(std::string_view accept) noexcept;
// Returns the media type of a Content-Type header without its parameters. Media types are
// case-insensitive.
std::string_view media_type(std::string_view content_type) noexcept;
// Returns the value of a parameter of a Content-Type header without quotes; nullopt if the header
// does not have the parameter. Names of parameters are case-insensitive.
std::optional<std::string_view> media_type_parameter(std::string_view content_type,
                                                     std::string_view name) noexcept;

}  // namespace http
