#pragma once
// Parses HTTP/1.1 requests from a byte stream (RFC 9112). Rejects input that servers and proxies
// read in different ways: several lengths, obs-fold, bare LF, a space before a colon. Sans-io;
// belongs to one connection.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace http {

struct parser_limits {
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t target_bytes_max = 8 * 1024;
    std::size_t headers_max = 100;
    std::size_t body_bytes_max = 1024 * 1024;
};

class request_parser {
  public:
    enum class state : std::uint8_t {
        start,     // no byte of the next request has arrived
        header,    // in the request line or the header
        body,      // the header is complete and the body is not
        complete,  // take() returns a request
        rejected   // see status(); the connection must close
    };

    explicit request_parser(parser_limits limits) : limits_(limits) {}

    // Parses bytes from the front of `input` and returns how many it used. Stops at the end of one
    // request.
    std::size_t feed(std::string_view input);

    [[nodiscard]] state now() const noexcept { return state_; }
    // Returns true once per request if the client waits for "100 Continue" before the body.
    bool take_expect_continue() noexcept;
    // Returns whether the connection may carry another request.
    [[nodiscard]] bool keeps_alive() const noexcept { return keeps_alive_; }
    [[nodiscard]] bool is_http_1_0() const noexcept { return is_1_0_; }
    [[nodiscard]] unsigned status() const noexcept { return status_; }
    [[nodiscard]] std::string_view detail() const noexcept { return detail_; }

    // Returns the complete request and starts again at state::start.
    request take();

  private:
    enum class step : std::uint8_t { fixed_body, chunk_size, chunk_data, chunk_data_end, trailer };
    void reject(unsigned status, std::string_view detail) noexcept;
    void reject_oversized(std::string_view head) noexcept;
    void read_header(std::string_view rest);
    bool read_request_line(std::string_view line);
    bool read_target(std::string_view target);
    bool read_field(std::string_view line);
    bool check_framing();
    std::size_t feed_header(std::string_view input);
    std::size_t feed_first_piece(std::string_view piece);
    std::size_t feed_next_piece(std::string_view piece);
    std::size_t feed_body(std::string_view input);
    std::size_t feed_line(std::string_view input);
    void read_chunk_line();
    bool add_to_body(std::string_view bytes);

    parser_limits limits_;
    state state_ = state::start;
    step step_ = step::fixed_body;
    std::string head_;             // an incomplete header; later one incomplete chunk line
    std::string authority_;        // of an absolute-form target
    std::uint64_t remaining_ = 0;  // bytes of the body or the chunk
    std::size_t trailer_bytes_ = 0;
    std::size_t empty_lines_bytes_ = 0;
    request message_;
    std::size_t hosts_ = 0;
    bool has_length_ = false;
    bool is_chunked_ = false;
    bool is_1_0_ = false;
    bool keeps_alive_ = true;
    bool expects_continue_ = false;
    unsigned status_ = 0;
    std::string_view detail_;
};

}  // namespace http
