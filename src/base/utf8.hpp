#pragma once
// Well-formed UTF-8 as defined by the Unicode Standard 15.0, table 3-7. Pure.

#include <cstddef>
#include <string_view>

namespace base {

// Returns the length in bytes (1 to 4) of the well-formed sequence at the start of `text`, or 0 if
// the first byte does not start one. Precondition: `text` is not empty.
std::size_t utf8_length(std::string_view text) noexcept;
// Returns the longest prefix of at most `bytes_max` bytes that does not split a character. A byte
// outside of a well-formed sequence counts as one character.
std::string_view truncate_utf8(std::string_view text, std::size_t bytes_max) noexcept;

}  // namespace base
