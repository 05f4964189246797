#pragma once
// Members of a JSON text that occur twice in one object. RFC 8259 leaves open which one counts, and
// parsers differ; who asks for a database should not find out the hard way. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace api {

// The JSON pointer (RFC 6901) of the first such member; nothing when there is none, or when `text`
// is not JSON.
std::optional<std::string> find_repeated_member(std::string_view text);

}  // namespace api
