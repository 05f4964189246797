#include "http/request_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace http {
namespace {

constexpr std::size_t chunk_line_max = 1024;
constexpr std::string_view token_signs = "!#$%&'*+-.^_`|~";

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_token_char(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           token_signs.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}
bool is_target_char(char c) noexcept {
    return c > 0x20 && c < 0x7f;
}
bool is_value_char(char c) noexcept {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}
char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool same(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}
std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Whether a comma-separated list holds a word.
bool has_word(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (same(trimmed(list.substr(0, comma)), word)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

method method_of(std::string_view text) noexcept {
    constexpr std::array known{
        std::pair{std::string_view("GET"), method::get},
        std::pair{std::string_view("HEAD"), method::head},
        std::pair{std::string_view("POST"), method::post},
        std::pair{std::string_view("PUT"), method::put},
        std::pair{std::string_view("PATCH"), method::patch},
        std::pair{std::string_view("DELETE"), method::del},
        std::pair{std::string_view("OPTIONS"), method::options},
    };
    for (const auto& [name, verb] : known) {
        if (text == name) return verb;
    }
    return method::other;
}

}  // namespace

void request_parser::refuse(unsigned status, std::string_view why) noexcept {
    state_ = state::refused;
    status_ = status;
    why_ = why;
    keeps_alive_ = false;
}

bool request_parser::take_expect_continue() noexcept {
    return state_ == state::body && std::exchange(expects_continue_, false);
}

std::size_t request_parser::feed(std::string_view input) {
    std::size_t used = 0;
    while (used < input.size() && state_ != state::complete && state_ != state::refused) {
        const auto rest = input.substr(used);
        used += state_ == state::body ? feed_body(rest) : feed_header(rest);
    }
    return used;
}

std::size_t request_parser::feed_header(std::string_view input) {
    std::size_t used = 0;
    if (state_ == state::start) {
        // RFC 9112 2.2: an empty line before the request line is ignored.
        while (used < input.size() && head_.empty() &&
               (input[used] == '\r' || input[used] == '\n')) {
            ++used;
        }
        if (used == input.size()) return used;
        state_ = state::header;
    }
    const auto rest = input.substr(used);
    // The end may lie across the border of two reads.
    const auto overlap = std::min<std::size_t>(head_.size(), 3);
    std::size_t end = std::string_view::npos;
    if (head_.empty()) {
        end = rest.find("\r\n\r\n");
        if (end != std::string_view::npos) end += 4;
    } else {
        const auto before = head_.size();
        const auto take = std::min(rest.size(), limits_.header_bytes_max + 4);
        head_.append(rest.substr(0, take));
        const auto at = head_.find("\r\n\r\n", before - overlap);
        if (at != std::string::npos) {
            end = at + 4 - before;
            head_.resize(at + 4);
        }
        if (end == std::string_view::npos && head_.size() <= limits_.header_bytes_max) {
            return used + take;
        }
    }
    const auto size =
        head_.empty() ? (end == std::string_view::npos ? rest.size() : end) : head_.size();
    if (size > limits_.header_bytes_max) {
        const auto line_end = (head_.empty() ? rest : std::string_view(head_)).find("\r\n");
        if (line_end == std::string_view::npos || line_end > limits_.target_bytes_max + 32) {
            refuse(414, "the request target is too long");
        } else {
            refuse(431, "the request header is too large");
        }
        return input.size();
    }
    if (end == std::string_view::npos) {
        head_.assign(rest);
        return input.size();
    }
    seen_ = head_.empty() ? rest.substr(0, end) : std::string_view(head_);
    read_header();
    head_.clear();
    seen_ = {};
    return used + end;
}

void request_parser::read_header() {
    auto rest = seen_;
    bool first = true;
    std::size_t fields = 0;
    while (true) {
        const auto end = rest.find("\r\n");
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (line.empty()) break;
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
            return refuse(400, "a control character in the header");
        }
        if (first) {
            if (!read_request_line(line)) return;
            first = false;
            continue;
        }
        if (++fields > limits_.headers_max) return refuse(431, "too many header fields");
        if (!read_field(line)) return;
    }
    if (settle_framing()) {
        state_ = is_chunked_ || left_ > 0 ? state::body : state::complete;
    }
}

bool request_parser::read_request_line(std::string_view line) {
    const auto bad = [this](unsigned status, std::string_view why) {
        refuse(status, why);
        return false;
    };
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return bad(400, "not a request line");
    const auto verb = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    if (!is_token(verb)) return bad(400, "not a request method");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        const bool is_http = version.size() == 8 && version.starts_with("HTTP/") &&
                             is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
        return is_http ? bad(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
                       : bad(400, "not a request line");
    }
    if (target.size() > limits_.target_bytes_max) return bad(414, "the request target is too long");
    if (!std::ranges::all_of(target, is_target_char)) {
        return bad(400, "a character that is not allowed in the request target");
    }
    if (target.front() != '/' && target != "*") {
        return bad(400, "only origin-form request targets are served");
    }
    message_.verb = method_of(verb);
    message_.verb_text = verb;
    message_.target = target;
    is_1_0_ = version == "HTTP/1.0";
    keeps_alive_ = !is_1_0_;
    return true;
}

bool request_parser::read_field(std::string_view line) {
    const auto bad = [this](unsigned status, std::string_view why) {
        refuse(status, why);
        return false;
    };
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad(400, "a header line without a colon");
    const auto name = line.substr(0, colon);
    if (!is_token(name)) return bad(400, "a header name that is not a token");
    const auto value = trimmed(line.substr(colon + 1));
    if (!std::ranges::all_of(value, is_value_char))
        return bad(400, "a control character in a header");
    if (same(name, "content-length")) {
        std::uint64_t length = 0;
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), length);
        if (value.empty() || error != std::errc() || end != value.data() + value.size()) {
            return bad(400, "Content-Length is not a number");
        }
        if (has_length_ && length != left_) return bad(400, "several Content-Length values");
        has_length_ = true;
        left_ = length;
    } else if (same(name, "transfer-encoding")) {
        if (is_chunked_ || is_1_0_) return bad(400, "Transfer-Encoding is not as it must be");
        if (!same(value, "chunked")) return bad(501, "only the chunked transfer coding is known");
        is_chunked_ = true;
    } else if (same(name, "connection")) {
        if (has_word(value, "close")) {
            keeps_alive_ = false;
        } else if (is_1_0_ && has_word(value, "keep-alive")) {
            keeps_alive_ = true;
        }
    } else if (same(name, "host")) {
        ++hosts_;
    } else if (same(name, "expect")) {
        if (!same(value, "100-continue")) return bad(417, "an expectation that cannot be met");
        expects_continue_ = !is_1_0_;
    }
    message_.headers.add(std::string(name), std::string(value));
    return true;
}

bool request_parser::settle_framing() {
    if (hosts_ > 1 || (hosts_ == 0 && !is_1_0_)) {
        refuse(400, "there must be one Host header");
        return false;
    }
    if (is_chunked_ && has_length_) {
        refuse(400, "both Content-Length and Transfer-Encoding");
        return false;
    }
    if (left_ > limits_.body_bytes_max) {
        refuse(413, "the body is too large");
        return false;
    }
    step_ = is_chunked_ ? step::chunk_size : step::fixed_body;
    return true;
}

bool request_parser::add_to_body(std::string_view bytes) {
    if (message_.body.size() + bytes.size() > limits_.body_bytes_max) {
        refuse(413, "the body is too large");
        return false;
    }
    message_.body.append(bytes);
    return true;
}

std::size_t request_parser::feed_body(std::string_view input) {
    if (step_ != step::fixed_body && step_ != step::chunk_data) return feed_line(input);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    if (!add_to_body(input.substr(0, size))) return input.size();
    left_ -= size;
    if (left_ == 0) {
        if (step_ == step::fixed_body) {
            state_ = state::complete;
        } else {
            step_ = step::chunk_data_end;
        }
    }
    return size;
}

// Chunk sizes, the line ends after chunks, and trailers: line by line.
std::size_t request_parser::feed_line(std::string_view input) {
    const auto end = input.find('\n');
    const auto size = end == std::string_view::npos ? input.size() : end + 1;
    if (head_.size() + size > chunk_line_max) {
        refuse(400, "a chunk line that is too long");
        return input.size();
    }
    head_.append(input.substr(0, size));
    if (end != std::string_view::npos) {
        if (!head_.ends_with("\r\n")) {
            refuse(400, "a chunk line that does not end in CR LF");
        } else {
            head_.resize(head_.size() - 2);
            read_chunk_line();
            head_.clear();
        }
    }
    return size;
}

void request_parser::read_chunk_line() {
    if (step_ == step::chunk_data_end) {
        if (!head_.empty()) return refuse(400, "a chunk that is longer than it said");
        step_ = step::chunk_size;
        return;
    }
    if (step_ == step::trailer) {
        trailer_bytes_ += head_.size() + 2;
        if (trailer_bytes_ > limits_.header_bytes_max)
            return refuse(431, "the trailer is too large");
        if (head_.empty()) state_ = state::complete;
        return;
    }
    const auto size = std::string_view(head_).substr(0, head_.find(';'));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), value, 16);
    const bool whole = error == std::errc() && end == size.data() + size.size() && !size.empty();
    if (!whole || size.size() > 15) return refuse(400, "a chunk size that is not a number");
    if (message_.body.size() + value > limits_.body_bytes_max) {
        return refuse(413, "the body is too large");
    }
    left_ = value;
    step_ = value == 0 ? step::trailer : step::chunk_data;
}

request request_parser::take() {
    auto whole = std::exchange(message_, {});
    state_ = state::start;
    head_.clear();
    left_ = 0;
    trailer_bytes_ = 0;
    hosts_ = 0;
    has_length_ = is_chunked_ = expects_continue_ = false;
    return whole;
}

}  // namespace http
