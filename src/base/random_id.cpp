#include "base/random_id.hpp"

#include <sys/random.h>

#include <array>
#include <cstdlib>

namespace base {
namespace {

// Random bytes of one thread, fetched many at a time: every request takes an id, and a system call
// for each was 3 % of a cached read. Each byte is given out once.
class random_bytes {
  public:
    unsigned char next() {
        if (used_ == bytes_.size()) refill();
        return bytes_[used_++];
    }

  private:
    void refill() {
        for (std::size_t filled = 0; filled < bytes_.size();) {
            const auto got = ::getrandom(bytes_.data() + filled, bytes_.size() - filled, 0);
            if (got < 0) std::abort();  // the kernel's generator cannot fail once the machine is up
            filled += static_cast<std::size_t>(got);
        }
        used_ = 0;
    }
    std::array<unsigned char, 1024> bytes_{};
    std::size_t used_ = bytes_.size();
};

}  // namespace

std::string random_id(std::string_view prefix, std::size_t length) {
    static constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    thread_local random_bytes source;
    std::string text(prefix);
    text.reserve(prefix.size() + length);
    while (length-- > 0) text += alphabet[source.next() % alphabet.size()];
    return text;
}

}  // namespace base
