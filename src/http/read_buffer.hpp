#pragma once
// Received bytes that the parser has not consumed. Internal to http.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace http::detail {

// Holds received bytes until the parser consumes them. Small while the connection is idle. Grows
// while reads fill it.
class read_buffer {
  public:
    static constexpr std::size_t smallest = 4 * 1024;
    static constexpr std::size_t largest = 64 * 1024;

    [[nodiscard]] std::string_view content() const noexcept {
        return {bytes_.get() + used_, filled_ - used_};
    }
    void consume(std::size_t size) noexcept { used_ += size; }
    void commit(std::size_t size) noexcept {
        filled_ += size;
        was_filled_ = filled_ == size_;
    }
    void clear() noexcept { used_ = filled_ = 0; }

    // Returns the space for the next read. Must not be called while a read is in progress.
    boost::asio::mutable_buffer prepare(bool is_idle) {
        if (used_ == filled_) {
            clear();
            const auto wanted = is_idle       ? smallest
                                : was_filled_ ? std::min(largest, size_ * 4)
                                              : std::max(size_, smallest);
            if (wanted != size_) {
                bytes_ = std::make_unique_for_overwrite<char[]>(wanted);
                size_ = wanted;
            }
            was_filled_ = false;
        } else if (used_ > 0) {
            std::memmove(bytes_.get(), bytes_.get() + used_, filled_ - used_);
            filled_ -= std::exchange(used_, 0);
        }
        return {bytes_.get() + filled_, size_ - filled_};
    }

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
    std::size_t filled_ = 0;
    std::size_t used_ = 0;
    bool was_filled_ = false;
};

}  // namespace http::detail
