#include "base/random_id.hpp"

#include <sys/random.h>

#include <cstdlib>
#include <vector>

namespace base {

std::string random_id(std::string_view prefix, std::size_t length) {
    static constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    std::vector<unsigned char> bytes(length);
    for (std::size_t filled = 0; filled < length;) {
        const auto got = ::getrandom(bytes.data() + filled, length - filled, 0);
        if (got < 0) std::abort();  // the kernel's generator cannot fail once the machine is up
        filled += static_cast<std::size_t>(got);
    }
    std::string text(prefix);
    for (const unsigned char byte : bytes) text += alphabet[byte % 32];
    return text;
}

}  // namespace base
