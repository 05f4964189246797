#include "base/base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace base {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::int8_t none = -1;
constexpr auto values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(none);
    for (std::size_t index = 0; index < alphabet.size(); ++index) {
        table[static_cast<unsigned char>(alphabet[index])] = static_cast<std::int8_t>(index);
    }
    table['-'] = table['+'];
    table['_'] = table['/'];
    return table;
}();

bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t start = 0; start < bytes.size(); start += 3) {
        const auto size = std::min<std::size_t>(3, bytes.size() - start);
        std::uint32_t group = 0;
        for (std::size_t index = 0; index < 3; ++index) {
            const auto byte = index < size ? static_cast<unsigned char>(bytes[start + index]) : 0U;
            group = group << 8 | byte;
        }
        for (std::size_t index = 0; index < 4; ++index) {
            text += index <= size ? alphabet[group >> (18 - 6 * index) & 63U] : '=';
        }
    }
    return text;
}

std::string to_base64_url(std::string_view bytes) {
    auto text = to_base64(bytes);
    while (text.ends_with('=')) text.pop_back();
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    int bits = 0;
    std::size_t digits = 0;
    std::size_t pads = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        if (c == '=') {
            ++pads;
            continue;
        }
        const auto value = values[static_cast<unsigned char>(c)];
        if (value == none || pads > 0) return std::nullopt;
        ++digits;
        group = group << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(group >> bits & 255U);
        }
    }
    const bool has_valid_padding = pads == 0 || (pads < 3 && (digits + pads) % 4 == 0);
    if (digits % 4 == 1 || !has_valid_padding) return std::nullopt;
    return bytes;
}

}  // namespace base
