#pragma once
// JSON pointers (RFC 6901): where in a document something is. Pure.

#include <string>
#include <string_view>

namespace base {

// The pointer to a member of what `parent` points to; "" is the whole document.
inline std::string pointer_to(std::string_view parent, std::string_view member) {
    std::string text(parent);
    text += '/';
    for (const char c : member) {
        if (c == '~') {
            text += "~0";
        } else if (c == '/') {
            text += "~1";
        } else {
            text += c;
        }
    }
    return text;
}

}  // namespace base
