#pragma once
// The names of enumerations as lists, for schemas and error messages. Pure.

#include <span>
#include <string_view>

namespace domain {

// Returns every name of an enumeration in the order of its values. Defined for topology_mode,
// storage_type, operation_kind, operation_phase and status_phase.
template <class Enum>
std::span<const std::string_view> names_of() noexcept;

}  // namespace domain
