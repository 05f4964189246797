#pragma once
// Compresses and decompresses whole bodies with gzip (RFC 1952). Pure.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace http {

// Compresses `bytes`. Levels are 1 (fast) to 9 (small).
std::string gzip(std::string_view bytes, int level = 4);
// Compresses a body that is written in parts, so that the whole of it is never in memory. One
// thread.
class gzip_stream {
  public:
    explicit gzip_stream(int level = 4);
    ~gzip_stream();
    gzip_stream(const gzip_stream&) = delete;
    gzip_stream& operator=(const gzip_stream&) = delete;
    void append(std::string_view bytes);
    // Returns the compressed body. Precondition: the first call; no append() follows.
    std::string finish();

  private:
    struct state;
    std::unique_ptr<state> state_;
};
// Decompresses all members of `compressed`. Errors: corrupt (not gzip, truncated, or followed by
// other bytes), limit (more than `bytes_max` after decompression).
base::outcome<std::string> gunzip(std::string_view compressed, std::size_t bytes_max);

}  // namespace http
