#include "http/response_queue.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "base/ascii.hpp"

namespace http {
namespace {

// Larger buffers are freed after a batch.
constexpr std::size_t heads_kept_bytes_max = 16 * 1024;
constexpr std::size_t entries_kept_max = 64;

constexpr std::array phrases{
    std::pair{200U, std::string_view("OK")},
    std::pair{201U, std::string_view("Created")},
    std::pair{202U, std::string_view("Accepted")},
    std::pair{204U, std::string_view("No Content")},
    std::pair{303U, std::string_view("See Other")},
    std::pair{304U, std::string_view("Not Modified")},
    std::pair{307U, std::string_view("Temporary Redirect")},
    std::pair{308U, std::string_view("Permanent Redirect")},
    std::pair{400U, std::string_view("Bad Request")},
    std::pair{401U, std::string_view("Unauthorized")},
    std::pair{403U, std::string_view("Forbidden")},
    std::pair{404U, std::string_view("Not Found")},
    std::pair{405U, std::string_view("Method Not Allowed")},
    std::pair{406U, std::string_view("Not Acceptable")},
    std::pair{408U, std::string_view("Request Timeout")},
    std::pair{409U, std::string_view("Conflict")},
    std::pair{410U, std::string_view("Gone")},
    std::pair{412U, std::string_view("Precondition Failed")},
    std::pair{413U, std::string_view("Content Too Large")},
    std::pair{414U, std::string_view("URI Too Long")},
    std::pair{415U, std::string_view("Unsupported Media Type")},
    std::pair{417U, std::string_view("Expectation Failed")},
    std::pair{421U, std::string_view("Misdirected Request")},
    std::pair{422U, std::string_view("Unprocessable Content")},
    std::pair{429U, std::string_view("Too Many Requests")},
    std::pair{431U, std::string_view("Request Header Fields Too Large")},
    std::pair{500U, std::string_view("Internal Server Error")},
    std::pair{501U, std::string_view("Not Implemented")},
    std::pair{502U, std::string_view("Bad Gateway")},
    std::pair{503U, std::string_view("Service Unavailable")},
    std::pair{504U, std::string_view("Gateway Timeout")},
    std::pair{505U, std::string_view("HTTP Version Not Supported")},
};

// Compares the length first, because it rules out most names.
bool is_connection_header(std::string_view name) noexcept {
    switch (name.size()) {
        case 4:
            return base::equals_ignore_case(name, "date");
        case 10:
            return base::equals_ignore_case(name, "connection");
        case 14:
            return base::equals_ignore_case(name, "content-length");
        case 17:
            return base::equals_ignore_case(name, "transfer-encoding");
        default:
            return false;
    }
}

// A line end in a value would start another header or response (RFC 9110 5.5).
void append_value(std::string& out, std::string_view value) {
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    };
    const auto begin = out.size();
    out += value;
    if (std::ranges::none_of(value, is_control)) return;
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_control, ' ');
}

void append_number(std::string& out, std::uint64_t number, int base = 10) {
    std::array<char, 24> digits{};
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
    out.append(digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(unsigned status) noexcept {
    const auto it =
        std::ranges::find(phrases, status, [](const auto& phrase) { return phrase.first; });
    return it == phrases.end() ? std::string_view("Status") : it->second;
}

bool has_no_body(unsigned status) noexcept {
    return status == 204 || status == 304 || status < 200;
}

void response_queue::write_head(const http::headers& headers, unsigned status,
                                const response_framing& framing) {
    if (status == 200) {
        heads_ += "HTTP/1.1 200 OK\r\n";
    } else {
        heads_ += "HTTP/1.1 ";
        append_number(heads_, status);
        heads_ += ' ';
        heads_ += reason_phrase(status);
        heads_ += "\r\n";
    }
    heads_ += framing.date_line;
    for (const auto& [name, value] : headers.items()) {
        if (is_connection_header(name)) continue;
        heads_ += name;
        heads_ += ": ";
        append_value(heads_, value);
        heads_ += "\r\n";
    }
    if (framing.close) {
        heads_ += "Connection: close\r\n";
    } else if (framing.is_http_1_0) {
        heads_ += "Connection: keep-alive\r\n";
    }
}

response_queue::queued_response& response_queue::add(std::size_t head_at) {
    assert(parts_.empty() && "push during a write");
    entries_.push_back({.head_at = head_at, .head_size = heads_.size() - head_at});
    bytes_ += entries_.back().head_size;
    return entries_.back();
}

void response_queue::push(outgoing_response outgoing, const response_framing& framing) {
    auto& response = outgoing.response;
    const auto head_at = heads_.size();
    write_head(response.headers, response.status, framing);
    if (!has_no_body(response.status)) {
        heads_ += "Content-Length: ";
        append_number(heads_, response.body.size());
        heads_ += "\r\n";
    }
    heads_ += "\r\n";
    auto& queued = add(head_at);
    queued.status = response.status;
    queued.on_sent = std::move(outgoing.on_sent);
    if (framing.head_only || has_no_body(response.status)) return;
    queued.body_size = response.body.size();
    queued.body = std::move(response.body);
    bytes_ += queued.body_size;
}

void response_queue::push_stream_head(const http::headers& headers, unsigned status,
                                      const response_framing& framing) {
    const auto head_at = heads_.size();
    write_head(headers, status, framing);
    if (!framing.is_http_1_0) heads_ += "Transfer-Encoding: chunked\r\n";
    heads_ += "\r\n";
    add(head_at);
}

void response_queue::push_stream_bytes(std::shared_ptr<const std::string> bytes, bool is_chunked) {
    const auto head_at = heads_.size();
    if (is_chunked) {
        append_number(heads_, bytes->size(), 16);
        heads_ += "\r\n";
    }
    auto& queued = add(head_at);
    queued.body = http::body(std::move(bytes));
    if (is_chunked) queued.body.after = "\r\n";
    queued.body_size = queued.body.size();
    bytes_ += queued.body_size;
}

void response_queue::push_stream_end(stream_end end) {
    const auto head_at = heads_.size();
    if (end.is_chunked) heads_ += "0\r\n\r\n";
    auto& queued = add(head_at);
    queued.status = end.status;
    queued.bytes_before = end.bytes;
    queued.on_sent = std::move(end.on_sent);
    if (bytes_ == 0) consume(0);
}

void response_queue::push_text(std::string_view text) {
    const auto head_at = heads_.size();
    heads_ += text;
    add(head_at);
}

void response_queue::build_parts() {
    const auto part = [this](std::string_view bytes) {
        if (bytes.empty()) return;
        // POSIX declares the base without const; sendmsg() does not change the bytes.
        auto* base = const_cast<char*>(bytes.data());  // NOLINT(*-const-cast)
        parts_.push_back({.iov_base = base, .iov_len = bytes.size()});
    };
    for (const auto& queued : entries_) {
        part(std::string_view(heads_).substr(queued.head_at, queued.head_size));
        if (queued.body_size == 0) continue;
        const auto& body = queued.body;
        part(body.before);
        if (body.shared) {
            const std::string_view shared = *body.shared;
            part(shared.substr(0, body.split_at));
            part(body.middle);
            part(shared.substr(body.split_at));
        }
        part(body.after);
    }
    part_ = 0;
}

std::span<const iovec> response_queue::pending() {
    if (parts_.empty()) build_parts();
    return std::span(parts_).subspan(part_);
}

void response_queue::consume(std::size_t size) {
    consumed_ += size;
    assert(consumed_ <= bytes_);
    if (consumed_ == bytes_) return notify_all();
    while (size > 0) {
        auto& first = parts_[part_];
        const auto used = std::min(size, first.iov_len);
        first.iov_base = static_cast<char*>(first.iov_base) + used;
        first.iov_len -= used;
        size -= used;
        if (first.iov_len == 0) ++part_;
    }
}

void response_queue::abandon() {
    if (!entries_.empty()) notify_all();
}

void response_queue::notify_all() {
    auto remaining = consumed_;
    for (auto& queued : entries_) {
        const auto head = std::min(remaining, queued.head_size);
        const auto body = std::min(remaining - head, queued.body_size);
        remaining -= head + body;
        if (!queued.on_sent) continue;
        const bool complete = head == queued.head_size && body == queued.body_size;
        queued.on_sent(queued.status, queued.bytes_before + body, complete);
    }
    entries_.clear();
    parts_.clear();
    heads_.clear();
    if (entries_.capacity() > entries_kept_max) entries_ = {};
    if (parts_.capacity() > 4 * entries_kept_max) parts_ = {};
    if (heads_.capacity() > heads_kept_bytes_max) heads_ = {};
    bytes_ = consumed_ = part_ = 0;
}

}  // namespace http
