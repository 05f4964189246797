#pragma once
// Well-formed UTF-8, as the Unicode standard defines it (version 15, table 3-7). Pure.

#include <cstddef>
#include <string_view>

namespace base {

// Bytes of the well-formed sequence at the front of `text` (1 to 4); 0 when there is none. `text`
// must not be empty.
std::size_t utf8_length(std::string_view text) noexcept;
// The front of `text`, at most `bytes_max` bytes, that ends between two characters; a byte that is
// part of none counts for one.
std::string_view truncate_utf8(std::string_view text, std::size_t bytes_max) noexcept;

}  // namespace base
