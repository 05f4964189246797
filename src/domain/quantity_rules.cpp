#include "domain/quantity_rules.hpp"

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace domain {

std::optional<std::int64_t> read_quantity(const std::string& text, quantity_unit unit,
                                          std::string pointer, quantity_range range,
                                          field_errors& errors) {
    const bool is_cpu = unit == quantity_unit::cpu_millis;
    const auto value = is_cpu ? base::parse_millis(text) : base::parse_bytes(text);
    if (!value) {
        const bool is_huge = value.error().code == base::errc::limit;
        errors.add(std::move(pointer), is_huge ? "out_of_range" : "bad_quantity",
                   value.error().text);
        return std::nullopt;
    }
    if (*value < range.min || *value > range.max) {
        const auto show = [&](std::int64_t limit) {
            return is_cpu ? base::format_millis(limit) : base::bytes_text(limit);
        };
        errors.add(std::move(pointer), "out_of_range",
                   fmt::format("must be from {} to {}", show(range.min), show(range.max)));
        return std::nullopt;
    }
    return *value;
}

}  // namespace domain
