#pragma once
// Cuts a byte stream into lines: a watch is one JSON document a line. Owned by one reflector; the
// frames it hands out live inside of it. Pure.

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace kube {

class frame_buffer {
  public:
    // simdjson reads up to this many bytes beyond a document.
    static constexpr std::size_t padding = 64;

    explicit frame_buffer(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

    void add(std::string_view bytes);
    // Returns the next complete frame without its line end, valid until add() or clear(). Returns
    // nullopt if more bytes are needed or is_overlong().
    std::optional<std::string_view> next();
    // Returns whether the incomplete frame exceeds the limit.
    [[nodiscard]] bool is_overlong() const noexcept { return end_ - begin_ > frame_bytes_max_; }
    [[nodiscard]] bool is_empty() const noexcept { return begin_ == end_; }
    void clear() noexcept;

  private:
    void make_room(std::size_t size);

    std::size_t frame_bytes_max_;
    std::vector<char> bytes_;   // always `padding` bytes behind end_
    std::size_t begin_ = 0;     // of what has not been handed out
    std::size_t searched_ = 0;  // no line end in [begin_, searched_)
    std::size_t end_ = 0;
};

}  // namespace kube
