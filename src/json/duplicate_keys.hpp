#pragma once
// Finds object members that occur twice in a JSON text. RFC 8259 leaves open which of them counts,
// and parsers differ, so requests with duplicates are rejected. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace json {

// Returns the JSON pointer (RFC 6901) of the first duplicate. Nothing if there is none, or if
// try_parse() does not read `text`.
std::optional<std::string> find_duplicate_key(std::string_view text);

}  // namespace json
