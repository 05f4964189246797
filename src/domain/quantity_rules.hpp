#pragma once
// The syntax and the bounds of a Kubernetes quantity in a request. Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "domain/field_errors.hpp"

namespace domain {

enum class quantity_unit : std::uint8_t { cpu_millis, bytes };

struct quantity_range {
    std::int64_t min = 0;
    std::int64_t max = 0;
};

// Parses a Kubernetes quantity. Adds an error at `pointer` and returns nothing if the text is not a
// quantity or its value is outside of the range.
std::optional<std::int64_t> read_quantity(const std::string& text, quantity_unit unit,
                                          std::string pointer, quantity_range range,
                                          field_errors& errors);

}  // namespace domain
