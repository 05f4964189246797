#pragma once
// gzip (RFC 1952) of whole bodies. Pure.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace http {

// Level 1..9: 1 is fast, 6 is usual.
std::string gzip(std::string_view bytes, int level = 4);
// Failures: corrupt (not gzip, cut), limit (more than `bytes_max` when unpacked).
base::outcome<std::string> gunzip(std::string_view compressed, std::size_t bytes_max);

}  // namespace http
