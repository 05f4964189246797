#pragma once
// The message of an error number of the system. Usable on every thread, unlike strerror().

#include <string>
#include <system_error>

namespace base {

// `number`: a value of errno.
inline std::string errno_text(int number) {
    return std::generic_category().message(number);
}

}  // namespace base
