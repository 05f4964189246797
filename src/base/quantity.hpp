#pragma once
// Kubernetes quantities ("500m", "1.5Gi", "2e3", "12345678n") read and written exactly, in
// integers: 128-bit inside, never through a double. Grammar: k8s.io/apimachinery/pkg/api/resource.
// Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace base {

// Bytes, rounded up to a whole one. Failures: invalid (not a quantity, negative, more than 19
// digits), limit (over 2^63-1).
outcome<std::int64_t> parse_bytes(std::string_view text);
// Thousandths of a core, rounded up. Failures: the same.
outcome<std::int64_t> parse_millis(std::string_view text);
// The shortest exact form with a binary suffix: 1073741824 -> "1Gi", 1500 -> "1500".
std::string bytes_text(std::int64_t bytes);
// 500 -> "500m", 2000 -> "2".
std::string format_millis(std::int64_t millis);

}  // namespace base
