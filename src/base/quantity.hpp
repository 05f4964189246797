#pragma once
// Kubernetes quantities ("500m", "1.5Gi", "2e3", "12345678n"), parsed and formatted exactly. The
// arithmetic is in 128-bit integers, never in double. Grammar:
// k8s.io/apimachinery/pkg/api/resource. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace base {

// Returns bytes, rounded up to a whole byte. Errors: invalid (not a quantity, negative, more than
// 19 digits), limit (above 2^63-1).
outcome<std::int64_t> parse_bytes(std::string_view text);
// Returns thousandths of a core, rounded up. Errors: as parse_bytes.
outcome<std::int64_t> parse_millis(std::string_view text);
// Returns the shortest exact form with a binary suffix: 1073741824 -> "1Gi", 1500 -> "1500".
std::string bytes_text(std::int64_t bytes);
// Returns the Kubernetes form of millicores: 500 -> "500m", 2000 -> "2".
std::string format_millis(std::int64_t millis);

}  // namespace base
