#pragma once
// Compares resourceVersions as decimal integers of any length (KEP-5504). Pure.

#include <compare>
#include <optional>
#include <string_view>

namespace kube {

// Returns nullopt if a version is not a decimal integer without leading zeros. Such versions are
// opaque and must not be compared.
std::optional<std::strong_ordering> compare_versions(std::string_view left,
                                                     std::string_view right) noexcept;

// Returns whether both versions are comparable and `left` is older.
bool is_older(std::string_view left, std::string_view right) noexcept;

}  // namespace kube
