#pragma once
// The bytes that one connection still has to write: answers in order, laid out for scatter-gather
// without copying a body. Sans-io; belongs to one connection. Calls each on_sent exactly once, at
// the latest when it dies.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"

namespace http {

using sent_callback = std::function<void(unsigned status, std::uint64_t bytes, bool complete)>;

std::string_view reason_phrase(unsigned status) noexcept;
// 1xx, 204 and 304 (RFC 9110 6.4.1).
bool has_no_body(unsigned status) noexcept;

// What the connection knows about an answer and the handler does not.
struct response_framing {
    bool head_only = false;  // the request was a HEAD
    bool close = false;      // "Connection: close"
    bool is_http_1_0 = false;
    std::string_view date_line{};  // "Date: ...\r\n"
};

class response_queue {
  public:
    response_queue() = default;
    ~response_queue() { abandon(); }
    response_queue(const response_queue&) = delete;
    response_queue& operator=(const response_queue&) = delete;

    // A whole answer with its Content-Length. Header values lose their control characters; names
    // that are the connection's business (Connection, Content-Length, Date, Transfer-Encoding) are
    // left out.
    void push(outgoing_response outgoing, const response_framing& framing);
    // The head of an answer whose body follows in chunks (HTTP/1.0: until the close).
    void push_stream_head(const http::headers& headers, unsigned status,
                          const response_framing& framing);
    void push_stream_bytes(std::shared_ptr<const std::string> bytes, bool is_chunked);
    struct stream_end {
        unsigned status = 200;
        std::uint64_t bytes = 0;  // of the whole stream
        bool is_chunked = true;
        sent_callback on_sent{};
    };
    void push_stream_end(stream_end end);
    // Bytes as they are ("HTTP/1.1 100 Continue\r\n\r\n").
    void push_text(std::string_view text);

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    // What is to be written next, never empty while bytes are left; valid until the next call of
    // anything that is not const. Nothing may be pushed between the first call and the end.
    std::span<const iovec> pending();
    // So much of it has been written. The last byte makes the queue empty and tells everybody.
    void consume(std::size_t size);
    // Nothing more will be written: tells everybody, and empties the queue.
    void abandon();

  private:
    struct queued_response {
        std::size_t head_at = 0;  // in heads_
        std::size_t head_size = 0;
        http::body body{};
        unsigned status = 0;
        std::size_t body_size = 0;       // as sent: 0 for HEAD
        std::uint64_t bytes_before = 0;  // of a stream, before this entry
        sent_callback on_sent{};
    };
    void write_head(const http::headers& headers, unsigned status, const response_framing& framing);
    queued_response& add(std::size_t head_at);
    void build_parts();
    void notify_all();

    std::string heads_;  // the heads of all entries, one behind the other
    std::vector<queued_response> entries_;
    std::vector<iovec> parts_;
    std::size_t part_ = 0;  // the first that is not written
    std::size_t bytes_ = 0;
    std::size_t consumed_ = 0;
};

}  // namespace http
