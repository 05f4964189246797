#include "domain/release.hpp"

#include <algorithm>
#include <charconv>

namespace domain {

std::optional<release> release_of(std::string_view version) {
    const auto begin = std::ranges::find_if(version, [](char c) { return c >= '0' && c <= '9'; });
    const char* position = version.data() + (begin - version.begin());
    const char* const end = version.data() + version.size();
    release result;
    const auto major = std::from_chars(position, end, result.major_number);
    if (major.ec != std::errc()) return std::nullopt;
    position = major.ptr;
    if (position != end && *position == '.') {
        std::from_chars(position + 1, end, result.minor_number);
    }
    return result;
}

}  // namespace domain
