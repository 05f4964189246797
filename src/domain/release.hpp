#pragma once
// The numbers of a version, for rules that depend on them. Pure.

#include <compare>
#include <optional>
#include <string_view>

namespace domain {

struct release {
    int major_number = 0;
    int minor_number = 0;
    auto operator<=>(const release&) const = default;
};

// Returns 6.2 for "6.2.14" and for "valkey-6.2". Returns std::nullopt if the text has no number.
std::optional<release> release_of(std::string_view version);

}  // namespace domain
