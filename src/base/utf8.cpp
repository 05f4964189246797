#include "base/utf8.hpp"

#include <algorithm>

namespace base {

std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    const auto tail = [&](std::size_t index, unsigned low = 0x80, unsigned high = 0xBF) {
        return index < text.size() && byte(index) >= low && byte(index) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
        return tail(1, low, high) && tail(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
        return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

std::string_view truncate_utf8(std::string_view text, std::size_t bytes_max) noexcept {
    std::size_t end = 0;
    while (end < text.size()) {
        const auto next = end + std::max<std::size_t>(1, utf8_length(text.substr(end)));
        if (next > bytes_max) break;
        end = next;
    }
    return text.substr(0, end);
}

}  // namespace base
