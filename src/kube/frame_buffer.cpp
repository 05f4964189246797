#include "kube/frame_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace kube {
namespace {

// A buffer that grew beyond this for one large frame is given back when it is empty.
constexpr std::size_t kept_bytes_max = 1024 * 1024;

}  // namespace

void frame_buffer::make_room(std::size_t size) {
    if (begin_ > 0) {
        std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        searched_ -= begin_;
        end_ -= begin_;
        begin_ = 0;
    }
    const auto needed = end_ + size + padding;
    if (bytes_.size() < needed) bytes_.resize(std::max(needed, bytes_.size() * 2));
}

void frame_buffer::add(std::string_view bytes) {
    if (is_empty() && bytes_.size() > kept_bytes_max) {
        clear();
        std::vector<char>().swap(bytes_);
    }
    make_room(bytes.size());
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += bytes.size();
}

std::optional<std::string_view> frame_buffer::next() {
    while (begin_ < end_) {
        const auto* begin = bytes_.data() + searched_;
        const auto* line_end = static_cast<const char*>(std::memchr(begin, '\n', end_ - searched_));
        if (line_end == nullptr) {
            searched_ = end_;
            return std::nullopt;
        }
        const auto stop = static_cast<std::size_t>(line_end - bytes_.data());
        std::string_view frame(bytes_.data() + begin_, stop - begin_);
        begin_ = searched_ = stop + 1;
        if (frame.ends_with('\r')) frame.remove_suffix(1);
        if (!frame.empty()) return frame;
    }
    return std::nullopt;
}

void frame_buffer::clear() noexcept {
    begin_ = searched_ = end_ = 0;
}

}  // namespace kube
