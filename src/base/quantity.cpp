#include "base/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace base {
namespace {

__extension__ using wide = __int128;

struct scale {
    wide multiplier = 1;
    wide divisor = 1;
};

std::optional<scale> suffix_scale(std::string_view suffix) {
    static constexpr std::array<std::pair<std::string_view, int>, 6> binary{
        {{"Ki", 1}, {"Mi", 2}, {"Gi", 3}, {"Ti", 4}, {"Pi", 5}, {"Ei", 6}}};
    static constexpr std::array<std::pair<std::string_view, int>, 10> decimal{{{"n", -9},
                                                                               {"u", -6},
                                                                               {"m", -3},
                                                                               {"", 0},
                                                                               {"k", 3},
                                                                               {"M", 6},
                                                                               {"G", 9},
                                                                               {"T", 12},
                                                                               {"P", 15},
                                                                               {"E", 18}}};
    for (const auto& [text, power] : binary) {
        if (suffix == text) return scale{.multiplier = wide(1) << (10 * power)};
    }
    int exponent = 0;
    bool known = false;
    for (const auto& [text, power] : decimal) {
        if (suffix == text) exponent = power, known = true;
    }
    if (!known && suffix.size() >= 2 && (suffix[0] == 'e' || suffix[0] == 'E')) {
        std::string_view digits = suffix.substr(1);
        const bool negative = digits[0] == '-';
        if (digits[0] == '-' || digits[0] == '+') digits.remove_prefix(1);
        if (digits.empty() || digits.size() > 2) return std::nullopt;
        for (const char digit : digits) {
            if (digit < '0' || digit > '9') return std::nullopt;
            exponent = exponent * 10 + (digit - '0');
        }
        if (exponent > 18) return std::nullopt;
        if (negative) exponent = -exponent;
        known = true;
    }
    if (!known) return std::nullopt;
    scale result;
    for (int i = 0; i < exponent; ++i) result.multiplier *= 10;
    for (int i = 0; i > exponent; --i) result.divisor *= 10;
    return result;
}

outcome<std::int64_t> parse(std::string_view text, std::int64_t unit) {
    const auto malformed = [&] {
        return fail(errc::invalid,
                    fmt::format("'{}' is not a quantity such as 500m or 10Gi", text.substr(0, 40)));
    };
    std::size_t position = 0;
    if (position < text.size() && text[position] == '+') ++position;
    wide digits = 0, divisor = 1;
    std::size_t digit_count = 0;
    bool has_point = false;
    for (; position < text.size(); ++position) {
        if (text[position] == '.' && !has_point) {
            has_point = true;
        } else if (text[position] >= '0' && text[position] <= '9') {
            if (++digit_count > 19) return malformed();
            digits = digits * 10 + (text[position] - '0');
            if (has_point) divisor *= 10;
        } else {
            break;
        }
    }
    const auto factor = suffix_scale(text.substr(position));
    if (digit_count == 0 || !factor) return malformed();
    // 19 digits * 2^60 fits 2^127; the unit (1 or 1000) is multiplied after a check.
    const wide limit = std::numeric_limits<std::int64_t>::max();
    const wide scaled = digits * factor->multiplier;
    const auto too_large = [&] {
        return fail(errc::limit, fmt::format("'{}' is too large", text.substr(0, 40)));
    };
    if (scaled > (wide(1) << 126) / unit) return too_large();
    const wide total_divisor = divisor * factor->divisor;
    const wide value = (scaled * unit + total_divisor - 1) / total_divisor;
    if (value > limit) return too_large();
    return static_cast<std::int64_t>(value);
}

}  // namespace

outcome<std::int64_t> parse_bytes(std::string_view text) {
    return parse(text, 1);
}

outcome<std::int64_t> parse_millis(std::string_view text) {
    return parse(text, 1000);
}

std::string bytes_text(std::int64_t bytes) {
    static constexpr std::array<std::string_view, 6> suffixes{"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    std::size_t power = 0;
    while (bytes != 0 && bytes % 1024 == 0 && power < suffixes.size()) {
        bytes /= 1024;
        ++power;
    }
    return power == 0 ? fmt::format("{}", bytes) : fmt::format("{}{}", bytes, suffixes[power - 1]);
}

std::string format_millis(std::int64_t millis) {
    return millis % 1000 == 0 ? fmt::format("{}", millis / 1000) : fmt::format("{}m", millis);
}

}  // namespace base
