#pragma once
// Random identifiers from the kernel's random source, such as "db-" and 12 characters of lower-case
// base32 (60 bits). Thread-safe.

#include <string>
#include <string_view>

namespace base {

// Returns `prefix` followed by `length` random characters of [a-z2-7].
std::string random_id(std::string_view prefix, std::size_t length = 12);

}  // namespace base
