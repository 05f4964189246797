#pragma once
// The bytes that one connection has to write: responses in order, as parts for gathered writes
// without a copy of the body. Calls each on_sent exactly once, at the latest in the destructor.
// Sans-io; belongs to one connection.

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
// Returns true for 1xx, 204 and 304 (RFC 9110 6.4.1).
bool has_no_body(unsigned status) noexcept;

// The parts of a response that the connection decides.
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

    // Queues a complete response and adds Content-Length. Replaces control characters in header
    // values. Drops the headers that the connection writes: Connection, Content-Length, Date,
    // Transfer-Encoding.
    void push(outgoing_response outgoing, const response_framing& framing);
    // Queues the head of a response whose body follows in chunks (HTTP/1.0: until the close).
    void push_stream_head(const http::headers& headers, unsigned status,
                          const response_framing& framing);
    void push_stream_bytes(std::shared_ptr<const std::string> bytes, bool is_chunked);
    struct stream_end {
        unsigned status = 200;
        std::uint64_t bytes = 0;  // body bytes of the stream
        bool is_chunked = true;
        sent_callback on_sent{};
    };
    void push_stream_end(stream_end end);
    // Queues raw bytes ("HTTP/1.1 100 Continue\r\n\r\n").
    void push_text(std::string_view text);

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    // Returns the parts to write next. Never empty while bytes remain. Valid until the next
    // non-const call. Callers must not push until the queue is empty again.
    std::span<const iovec> pending();
    // Marks `size` bytes as written. After the last byte the queue is empty and all on_sent have
    // run.
    void consume(std::size_t size);
    // Calls the remaining on_sent and clears the queue.
    void abandon();

  private:
    struct queued_response {
        std::size_t head_at = 0;  // in heads_
        std::size_t head_size = 0;
        http::body body{};
        unsigned status = 0;
        std::size_t body_size = 0;       // bytes to send: 0 for HEAD
        std::uint64_t bytes_before = 0;  // stream bytes before this entry
        sent_callback on_sent{};
    };
    void write_head(const http::headers& headers, unsigned status, const response_framing& framing);
    queued_response& add(std::size_t head_at);
    void build_parts();
    void notify_all();

    std::string heads_;  // the concatenated heads of all entries
    std::vector<queued_response> entries_;
    std::vector<iovec> parts_;
    std::size_t part_ = 0;  // index of the first unwritten part
    std::size_t bytes_ = 0;
    std::size_t consumed_ = 0;
};

}  // namespace http
