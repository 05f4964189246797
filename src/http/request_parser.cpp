#include "http/request_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/ascii.hpp"

namespace http {
namespace {

constexpr std::size_t chunk_line_max = 1024;
constexpr std::size_t empty_lines_bytes_max = 8;  // before a request line

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr auto token_chars = [] {
    std::array<bool, 256> is{};
    for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        is[static_cast<unsigned char>(c)] = true;
    }
    return is;
}();
bool is_token_char(char c) noexcept {
    return token_chars[static_cast<unsigned char>(c)];
}
bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}
bool is_target_char(char c) noexcept {
    return c > 0x20 && c < 0x7f;
}
// Reads the whole text, so that the compiler can use vector instructions. A tab is allowed.
bool has_control_char(std::string_view text) noexcept {
    unsigned controls = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        controls |= unsigned(byte < 0x20) & unsigned(byte != '\t');
        controls |= unsigned(byte == 0x7f);
    }
    return controls != 0;
}

// Returns whether a line ends without CR. `before` is the byte that precedes `text`.
bool has_bare_line_end(std::string_view text, char before) noexcept {
    for (auto pos = text.find('\n'); pos != std::string_view::npos;
         pos = text.find('\n', pos + 1)) {
        if ((pos == 0 ? before : text[pos - 1]) != '\r') return true;
    }
    return false;
}

// Returns whether a comma-separated list contains an item.
bool has_list_item(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (base::equals_ignore_case(base::trimmed(list.substr(0, comma)), word)) return true;
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

void request_parser::reject(unsigned status, std::string_view detail) noexcept {
    state_ = state::rejected;
    status_ = status;
    detail_ = detail;
    keeps_alive_ = false;
}

bool request_parser::take_expect_continue() noexcept {
    return state_ == state::body && std::exchange(expects_continue_, false);
}

std::size_t request_parser::feed(std::string_view input) {
    std::size_t used = 0;
    while (used < input.size() && state_ != state::complete && state_ != state::rejected) {
        const auto rest = input.substr(used);
        used += state_ == state::body ? feed_body(rest) : feed_header(rest);
    }
    return used;
}

std::size_t request_parser::feed_header(std::string_view input) {
    std::size_t used = 0;
    if (state_ == state::start) {
        // RFC 9112 2.2: an empty line before the request line is ignored.
        while (used < input.size() && (input[used] == '\r' || input[used] == '\n')) ++used;
        empty_lines_bytes_ += used;
        if (empty_lines_bytes_ > empty_lines_bytes_max) {
            reject(400, "the connection sent empty lines before the request");
            return input.size();
        }
        if (used == input.size()) return used;
        state_ = state::header;
    }
    const auto rest = input.substr(used);
    return used + (head_.empty() ? feed_first_piece(rest) : feed_next_piece(rest));
}

// The common case: the header arrived in one piece and is parsed in place.
std::size_t request_parser::feed_first_piece(std::string_view piece) {
    const auto pos = piece.find("\r\n\r\n");
    const auto size = pos == std::string_view::npos ? piece.size() : pos + 4;
    if (size > limits_.header_bytes_max) {
        reject_oversized(piece.substr(0, size));
    } else if (pos != std::string_view::npos) {
        read_header(piece.substr(0, size));
    } else if (has_bare_line_end(piece, '\0')) {
        reject(400, "header lines must end in CR LF");
    } else {
        head_.assign(piece);
    }
    return size;
}

std::size_t request_parser::feed_next_piece(std::string_view piece) {
    const auto before = head_.size();
    const auto last = head_.back();
    const auto accepted = std::min(piece.size(), limits_.header_bytes_max + 4);
    head_.append(piece.substr(0, accepted));
    // The end can span two pieces.
    const auto pos = head_.find("\r\n\r\n", before - std::min<std::size_t>(before, 3));
    if (pos != std::string::npos) head_.resize(pos + 4);
    if (head_.size() > limits_.header_bytes_max) {
        reject_oversized(head_);
    } else if (pos != std::string::npos) {
        const auto used = pos + 4 - before;
        read_header(head_);
        head_.clear();
        return used;
    } else if (has_bare_line_end(piece.substr(0, accepted), last)) {
        reject(400, "header lines must end in CR LF");
    }
    return accepted;
}

void request_parser::reject_oversized(std::string_view head) noexcept {
    const auto line_end = head.find("\r\n");
    if (line_end == std::string_view::npos || line_end > limits_.target_bytes_max + 32) {
        return reject(414, "the request target is too long");
    }
    reject(431, "the request header is too large");
}

void request_parser::read_header(std::string_view rest) {
    bool first = true;
    std::size_t fields = 0;
    while (true) {
        const auto end = rest.find("\r\n");
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (line.empty()) break;
        if (has_control_char(line)) {
            return reject(400, "the header contains a control character");
        }
        if (first) {
            if (!read_request_line(line)) return;
            first = false;
            continue;
        }
        if (++fields > limits_.headers_max) return reject(431, "too many header fields");
        if (!read_field(line)) return;
    }
    if (check_framing()) {
        state_ = is_chunked_ || remaining_ > 0 ? state::body : state::complete;
    }
}

bool request_parser::read_request_line(std::string_view line) {
    const auto invalid = [this](unsigned status, std::string_view detail) {
        reject(status, detail);
        return false;
    };
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return invalid(400, "the request line is malformed");
    const auto verb = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    if (!is_token(verb)) return invalid(400, "the request method is not a token");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        const bool is_http = version.size() == 8 && version.starts_with("HTTP/") &&
                             is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
        return is_http ? invalid(505, "only HTTP/1.1 and HTTP/1.0 are supported")
                       : invalid(400, "the request line is malformed");
    }
    if (target.size() > limits_.target_bytes_max)
        return invalid(414, "the request target is too long");
    if (!std::ranges::all_of(target, is_target_char)) {
        return invalid(400, "the request target contains an invalid character");
    }
    message_.verb = method_of(verb);
    if (!read_target(target)) return invalid(400, "the request target has an unsupported form");
    message_.verb_text = verb;
    is_1_0_ = version == "HTTP/1.0";
    keeps_alive_ = !is_1_0_;
    return true;
}

// RFC 9112 3.2: origin-form, "*" for OPTIONS, and absolute-form, whose authority replaces Host.
bool request_parser::read_target(std::string_view target) {
    authority_.clear();
    const bool is_whole_server = target == "*" && message_.verb == method::options;
    if (target.starts_with('/') || is_whole_server) {
        message_.target = target;
        return true;
    }
    const auto scheme_end = target.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const auto scheme = target.substr(0, scheme_end);
    if (!base::equals_ignore_case(scheme, "http") && !base::equals_ignore_case(scheme, "https"))
        return false;
    const auto rest = target.substr(scheme_end + 3);
    const auto path = std::min(rest.find_first_of("/?"), rest.size());
    authority_ = rest.substr(0, path);
    message_.target = rest.substr(path);
    if (!message_.target.starts_with('/')) message_.target.insert(0, 1, '/');
    return !authority_.empty() && authority_.find('@') == std::string::npos;
}

bool request_parser::read_field(std::string_view line) {
    const auto invalid = [this](unsigned status, std::string_view detail) {
        reject(status, detail);
        return false;
    };
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return invalid(400, "a header line has no colon");
    const auto name = line.substr(0, colon);
    if (!is_token(name)) return invalid(400, "a header name is not a token");
    const auto value = base::trimmed(line.substr(colon + 1));
    if (base::equals_ignore_case(name, "content-length")) {
        std::uint64_t length = 0;
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), length);
        if (value.empty() || error != std::errc() || end != value.data() + value.size()) {
            return invalid(400, "Content-Length is not a number");
        }
        if (has_length_ && length != remaining_)
            return invalid(400, "Content-Length has several values");
        has_length_ = true;
        remaining_ = length;
    } else if (base::equals_ignore_case(name, "transfer-encoding")) {
        if (is_chunked_ || is_1_0_)
            return invalid(400,
                           "Transfer-Encoding must be a single 'chunked' of an HTTP/1.1 request");
        if (!base::equals_ignore_case(value, "chunked"))
            return invalid(501, "only the transfer coding 'chunked' is supported");
        is_chunked_ = true;
    } else if (base::equals_ignore_case(name, "connection")) {
        if (has_list_item(value, "close")) {
            keeps_alive_ = false;
        } else if (is_1_0_ && has_list_item(value, "keep-alive")) {
            keeps_alive_ = true;
        }
    } else if (base::equals_ignore_case(name, "host")) {
        ++hosts_;
        if (!std::ranges::all_of(value, is_target_char))
            return invalid(400, "Host contains an invalid character");
        if (!authority_.empty()) {
            message_.headers.add(std::string(name), authority_);
            return true;
        }
    } else if (base::equals_ignore_case(name, "expect")) {
        if (!base::equals_ignore_case(value, "100-continue"))
            return invalid(417, "only the expectation '100-continue' is supported");
        expects_continue_ = !is_1_0_;
    }
    message_.headers.append(name, value);
    return true;
}

bool request_parser::check_framing() {
    if (hosts_ > 1 || (hosts_ == 0 && !is_1_0_)) {
        reject(400, "the request must have exactly one Host header");
        return false;
    }
    if (is_chunked_ && has_length_) {
        reject(400, "Content-Length and Transfer-Encoding exclude each other");
        return false;
    }
    if (remaining_ > limits_.body_bytes_max) {
        reject(413, "the body is too large");
        return false;
    }
    step_ = is_chunked_ ? step::chunk_size : step::fixed_body;
    return true;
}

bool request_parser::add_to_body(std::string_view bytes) {
    if (message_.body.size() + bytes.size() > limits_.body_bytes_max) {
        reject(413, "the body is too large");
        return false;
    }
    message_.body.append(bytes);
    return true;
}

std::size_t request_parser::feed_body(std::string_view input) {
    if (step_ != step::fixed_body && step_ != step::chunk_data) return feed_line(input);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    if (!add_to_body(input.substr(0, size))) return input.size();
    remaining_ -= size;
    if (remaining_ == 0) {
        if (step_ == step::fixed_body) {
            state_ = state::complete;
        } else {
            step_ = step::chunk_data_end;
        }
    }
    return size;
}

// Reads chunk sizes, the line ends after chunks, and trailers.
std::size_t request_parser::feed_line(std::string_view input) {
    const auto end = input.find('\n');
    const auto size = end == std::string_view::npos ? input.size() : end + 1;
    if (head_.size() + size > chunk_line_max) {
        reject(400, "a chunk line is too long");
        return input.size();
    }
    head_.append(input.substr(0, size));
    if (end != std::string_view::npos) {
        if (!head_.ends_with("\r\n")) {
            reject(400, "chunk lines must end in CR LF");
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
        if (!head_.empty()) return reject(400, "a chunk is longer than its size");
        step_ = step::chunk_size;
        return;
    }
    const std::string_view line = head_;
    if (has_control_char(line)) {
        return reject(400, "a chunk line contains a control character");
    }
    if (step_ == step::trailer) {
        trailer_bytes_ += head_.size() + 2;
        if (trailer_bytes_ > limits_.header_bytes_max)
            return reject(431, "the trailer is too large");
        if (line.empty()) {
            state_ = state::complete;
        } else if (line.find(':') == std::string_view::npos ||
                   !is_token(line.substr(0, line.find(':')))) {
            reject(400, "a trailer line is not a header");
        }
        return;
    }
    const auto size = line.substr(0, line.find(';'));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), value, 16);
    const bool complete = error == std::errc() && end == size.data() + size.size() && !size.empty();
    if (!complete || size.size() > 15) return reject(400, "a chunk size is not a number");
    if (message_.body.size() + value > limits_.body_bytes_max) {
        return reject(413, "the body is too large");
    }
    remaining_ = value;
    step_ = value == 0 ? step::trailer : step::chunk_data;
}

request request_parser::take() {
    auto complete = std::exchange(message_, {});
    state_ = state::start;
    head_.clear();
    remaining_ = 0;
    trailer_bytes_ = 0;
    empty_lines_bytes_ = 0;
    hosts_ = 0;
    has_length_ = is_chunked_ = expects_continue_ = false;
    return complete;
}

}  // namespace http
