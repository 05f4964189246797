#include "redis/resp.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <utility>

namespace redis {
namespace {

using base::errc;
using base::fail;
using std::string_view;

constexpr string_view line_end = "\r\n";
constexpr std::size_t format_bytes = 4;  // "txt:" in front of a verbatim string

std::optional<std::int64_t> parse_integer(string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
    return value;
}

std::unexpected<base::failure> corrupt(string_view problem) {
    return fail(errc::corrupt, fmt::format("the response is not RESP: {}", problem));
}

}  // namespace

const resp_value* resp_value::find(string_view key) const noexcept {
    if (kind != resp_kind::map && kind != resp_kind::array) return nullptr;
    for (std::size_t index = 0; index + 1 < items.size(); index += 2) {
        if (items[index].is_text() && items[index].text == key) return &items[index + 1];
    }
    return nullptr;
}

void encode_command(const command_words& words, std::string& out) {
    fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
    for (const auto& word : words) {
        fmt::format_to(std::back_inserter(out), "${}\r\n", word.size());
        out += word;
        out += line_end;
    }
}

void resp_parser::add(string_view bytes) {
    discard_consumed();
    buffer_ += bytes;
}

void resp_parser::discard_consumed() {
    if (position_ == 0) return;
    buffer_.erase(0, position_);
    searched_ -= std::min(searched_, position_);
    position_ = 0;
}

base::outcome<std::optional<resp_value>> resp_parser::next() {
    if (is_corrupt_) return corrupt("an earlier value was corrupt");
    while (true) {
        resp_value item;
        auto read = read_item(item);
        if (!read) {
            is_corrupt_ = true;
            return base::pass(std::move(read));
        }
        if (*read == progress::more_bytes) return std::nullopt;
        if (*read == progress::more_items) continue;
        auto value = attach(std::move(item));
        if (!value) continue;
        value_bytes_ = 0;
        value_items_ = 0;
        return value;
    }
}

std::optional<resp_value> resp_parser::attach(resp_value item) {
    while (!frames_.empty()) {
        auto& parent = frames_.back();
        if (!parent.is_attribute) parent.value.items.push_back(std::move(item));
        if (--parent.missing > 0) return std::nullopt;
        auto completed = std::move(parent);
        frames_.pop_back();
        if (completed.is_attribute) return std::nullopt;
        item = std::move(completed.value);
    }
    return item;
}

base::outcome<resp_parser::progress> resp_parser::read_item(resp_value& item) {
    if (bulk_bytes_) return read_bulk(item);
    const auto end = buffer_.find(line_end, std::max(position_, searched_));
    if (end == std::string::npos) {
        // The last byte may be the first of a line end.
        searched_ = buffer_.empty() ? 0 : buffer_.size() - 1;
        if (buffered() > limits_.line_bytes) return corrupt("a line is too long");
        return progress::more_bytes;
    }
    if (end - position_ > limits_.line_bytes) return corrupt("a line is too long");
    const auto line = string_view(buffer_).substr(position_, end - position_);
    position_ = end + line_end.size();
    value_bytes_ += line.size();
    if (value_bytes_ > limits_.value_bytes) return corrupt("a value is too large");
    return read_line(line, item);
}

base::outcome<resp_parser::progress> resp_parser::read_line(string_view line, resp_value& item) {
    if (line.empty()) return corrupt("a line is empty");
    const char mark = line.front();
    const auto rest = line.substr(1);
    switch (mark) {
        case '+':
        case '-':
        case ',':
        case '(':
            item.kind = mark == '+'   ? resp_kind::simple
                        : mark == '-' ? resp_kind::error
                                      : resp_kind::number;
            item.text = rest;
            return progress::complete;
        case ':': {
            const auto value = parse_integer(rest);
            if (!value) return corrupt("an integer is invalid");
            item.kind = resp_kind::integer;
            item.integer = *value;
            return progress::complete;
        }
        case '#':
            if (rest != "t" && rest != "f") return corrupt("a boolean is invalid");
            item.kind = resp_kind::boolean;
            item.integer = rest == "t" ? 1 : 0;
            return progress::complete;
        case '_':
            if (!rest.empty()) return corrupt("a null is invalid");
            return progress::complete;
        case '$':
            return begin_bulk(rest, resp_kind::bulk, item);
        case '!':
            return begin_bulk(rest, resp_kind::error, item);
        case '=':
            bulk_has_format_ = true;
            return begin_bulk(rest, resp_kind::bulk, item);
        case '*':
        case '%':
        case '~':
        case '>':
        case '|':
            return begin_aggregate(rest, mark, item);
        default:
            return corrupt("the type of a value is unknown");
    }
}

base::outcome<resp_parser::progress> resp_parser::begin_bulk(string_view digits, resp_kind kind,
                                                             resp_value& item) {
    const auto size = parse_integer(digits);
    if (!size || *size < -1) return corrupt("the length of a string is invalid");
    if (*size == -1) {
        bulk_has_format_ = false;
        return progress::complete;  // a null of RESP2
    }
    const auto bytes = static_cast<std::size_t>(*size);
    if (bytes > limits_.value_bytes - value_bytes_) return corrupt("a value is too large");
    if (bulk_has_format_ && bytes < format_bytes) return corrupt("a string has no format");
    value_bytes_ += bytes;
    bulk_bytes_ = bytes;
    bulk_kind_ = kind;
    return read_bulk(item);
}

base::outcome<resp_parser::progress> resp_parser::read_bulk(resp_value& item) {
    const auto bytes = *bulk_bytes_;
    if (buffered() < bytes + line_end.size()) return progress::more_bytes;
    auto content = string_view(buffer_).substr(position_, bytes);
    if (string_view(buffer_).substr(position_ + bytes, line_end.size()) != line_end) {
        return corrupt("a string is longer than its length");
    }
    position_ += bytes + line_end.size();
    if (bulk_has_format_) content.remove_prefix(format_bytes);
    item.kind = bulk_kind_;
    item.text = content;
    bulk_bytes_.reset();
    bulk_has_format_ = false;
    return progress::complete;
}

base::outcome<resp_parser::progress> resp_parser::begin_aggregate(string_view digits, char mark,
                                                                  resp_value& item) {
    const auto size = parse_integer(digits);
    if (!size || *size < -1) return corrupt("the length of an array is invalid");
    if (*size == -1) return progress::complete;  // a null of RESP2
    const bool is_map = mark == '%' || mark == '|';
    const auto count = static_cast<std::size_t>(*size);
    if (count > limits_.items) return corrupt("an array is too long");
    const auto missing = is_map ? count * 2 : count;
    value_items_ += missing + 1;
    if (value_items_ > limits_.items) return corrupt("an array is too long");
    if (frames_.size() == limits_.depth) return corrupt("arrays are nested too deep");
    item.kind = mark == '*'   ? resp_kind::array
                : mark == '~' ? resp_kind::set
                : mark == '>' ? resp_kind::push
                              : resp_kind::map;
    if (missing == 0) return mark == '|' ? progress::more_items : progress::complete;
    frames_.push_back({.value = std::move(item), .missing = missing, .is_attribute = mark == '|'});
    return progress::more_items;
}

}  // namespace redis
