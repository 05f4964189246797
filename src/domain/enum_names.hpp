#pragma once
// The names of enumerations as lists, for schemas and error messages. Pure.

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace domain {

// Returns the enumerator whose name is the text. `names` are in the order of the values.
template <class Enum>
std::optional<Enum> value_of(std::span<const std::string_view> names, std::string_view text) {
    const auto entry = std::ranges::find(names, text);
    if (entry == names.end()) return std::nullopt;
    return static_cast<Enum>(entry - names.begin());
}

// Returns every name of an enumeration in the order of its values. Defined for topology_mode,
// storage_type, operation_kind, operation_phase and status_phase.
template <class Enum>
std::span<const std::string_view> names_of() noexcept;

}  // namespace domain
