#include "api/json/object_reader.hpp"

#include <cmath>

namespace api {

std::string_view kind_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "a string";
        case json::kind::array:
            return "an array";
        case json::kind::object:
            return "an object";
    }
    return "";
}

// JSON has no integers: 3.0 and 3e0 are 3.
std::optional<std::int64_t> whole_number(const json::value& value) {
    if (value.is_int64()) return value.get_int64();
    constexpr double exact_max = 9007199254740992.0;  // 2^53
    if (!value.is_double() || std::abs(value.get_double()) > exact_max) return std::nullopt;
    const double number = value.get_double();
    if (number != std::trunc(number)) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

}  // namespace api
