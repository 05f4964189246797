#pragma once
// Compresses and decompresses whole bodies with gzip (RFC 1952). Pure.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace http {

// Compresses `bytes`. Levels are 1 (fast) to 9 (small).
std::string gzip(std::string_view bytes, int level = 4);
// Decompresses all members of `compressed`. Errors: corrupt (not gzip, truncated, or followed by
// other bytes), limit (more than `bytes_max` after decompression).
base::outcome<std::string> gunzip(std::string_view compressed, std::size_t bytes_max);

}  // namespace http
