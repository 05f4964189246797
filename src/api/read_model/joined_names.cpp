#include "api/read_model/joined_names.hpp"

#include <algorithm>
#include <cstring>

namespace api {

std::size_t joined_names::offset_of(std::size_t index) const {
    std::size_t offset = 0;
    for (; index > 0; --index) offset = text_.find('\0', offset) + 1;
    return offset;
}

void joined_names::insert(std::size_t index, std::string_view name) {
    const auto offset = offset_of(index);
    text_.insert(offset, name.size() + 1, '\0');
    // A stored name is a DNS label. Another one must not divide the text at other places.
    std::ranges::replace_copy(name, text_.begin() + static_cast<std::ptrdiff_t>(offset), '\0',
                              '\x01');
}

void joined_names::erase(std::size_t index) {
    const auto offset = offset_of(index);
    text_.erase(offset, text_.find('\0', offset) + 1 - offset);
}

joined_names joined_names::split(std::size_t index) {
    const auto offset = offset_of(index);
    joined_names rest;
    rest.text_ = text_.substr(offset);
    text_.resize(offset);
    return rest;
}

bool joined_names::find_next(std::string_view part, position& current) const {
    const auto* start = text_.data() + current.offset;
    const auto* match = static_cast<const char*>(
        ::memmem(start, text_.size() - current.offset, part.data(), part.size()));
    if (match == nullptr) return false;
    current.index += static_cast<std::size_t>(std::count(start, match, '\0'));
    const auto* end = static_cast<const char*>(
        std::memchr(match, '\0', static_cast<std::size_t>(text_.data() + text_.size() - match)));
    current.offset = static_cast<std::size_t>(end + 1 - text_.data());
    return true;
}

}  // namespace api
