#pragma once
// ASCII text functions for names of HTTP and Kubernetes: lower case, comparison without case,
// trimming. They ignore the locale and leave bytes above 127 unchanged. Pure.

#include <algorithm>
#include <string>
#include <string_view>

namespace base {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

inline std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower(c);
    return result;
}

constexpr bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// Returns the text without leading and trailing spaces and tabs.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace base
