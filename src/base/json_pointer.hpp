#pragma once
// JSON pointers (RFC 6901): the position of a value in a document. Pure.

#include <string>
#include <string_view>

namespace base {

// Returns the pointer to `member` of the object at `parent`. The pointer "" is the whole document.
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
