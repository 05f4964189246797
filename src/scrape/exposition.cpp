#include "scrape/exposition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/ascii.hpp"
#include "scrape/failures.hpp"

namespace scrape {
namespace {

constexpr const char* line_too_long = "the line is too long";

enum char_class : std::uint8_t { name_start = 1, name_rest = 2, label_start = 4, label_rest = 8 };

constexpr std::array<std::uint8_t, 256> classes = [] {
    std::array<std::uint8_t, 256> table{};
    const auto letter = name_start | name_rest | label_start | label_rest;
    for (int c = 'a'; c <= 'z'; ++c) table[std::size_t(c)] = letter;
    for (int c = 'A'; c <= 'Z'; ++c) table[std::size_t(c)] = letter;
    for (int c = '0'; c <= '9'; ++c) table[std::size_t(c)] = name_rest | label_rest;
    table['_'] = letter;
    table[':'] = name_start | name_rest;
    return table;
}();

bool is(char c, char_class wanted) noexcept {
    return (classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

const char* find_byte(const char* begin, const char* end, char byte) noexcept {
    return static_cast<const char*>(std::memchr(begin, byte, std::size_t(end - begin)));
}

std::uint64_t load(const char* source, std::size_t bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, source, bytes);
    return word;
}

// Hashes the length and the first, middle and last eight bytes: metric names differ there.
std::uint64_t hash_name(std::string_view name) noexcept {
    const auto size = name.size();
    const char* const begin = name.data();
    if (size < 8) return (load(begin, size) ^ (size << 56)) * 0x9E3779B97F4A7C15ULL;
    const auto head = load(begin, 8);
    const auto tail = load(begin + size - 8, 8);
    const auto middle = load(begin + (size - 8) / 2, 8);
    auto hash = (head ^ size) * 0x9E3779B97F4A7C15ULL;
    hash = (std::rotl(hash, 31) ^ middle) * 0xD6E8FEB86659FD93ULL;
    return (std::rotl(hash, 29) ^ tail) * 0xA0761D6478BD642FULL;
}

bool same_letters(std::string_view text, std::string_view lower) noexcept {
    return std::ranges::equal(text, lower,
                              [](char left, char right) { return (left | 0x20) == right; });
}

// from_chars does not report on which side a value is out of range. A value that is too small is 0.
// A value that is too large is an error.
std::optional<double> out_of_range(std::string_view digits, bool hexadecimal) noexcept {
    std::array<char, 128> text{};
    const std::size_t prefix = hexadecimal ? 2 : 0;
    if (digits.size() + prefix + 1 > text.size()) return std::nullopt;
    if (hexadecimal) std::memcpy(text.data(), "0x", 2);
    std::memcpy(text.data() + prefix, digits.data(), digits.size());
    const double value = std::strtod(text.data(), nullptr);
    return value < 1 ? std::optional(value) : std::nullopt;
}

// Parses a number without a sign.
std::optional<double> parse_digits(std::string_view text, bool hexadecimal) noexcept {
    double value = 0;
    const auto result =
        std::from_chars(text.data(), text.data() + text.size(), value,
                        hexadecimal ? std::chars_format::hex : std::chars_format::general);
    if (result.ptr != text.data() + text.size()) return std::nullopt;
    if (result.ec == std::errc{}) return value;
    if (result.ec == std::errc::result_out_of_range) return out_of_range(text, hexadecimal);
    return std::nullopt;
}

}  // namespace

base::outcome<page_format> format_of(std::string_view content_type) {
    const auto type = base::trimmed(content_type.substr(0, content_type.find(';')));
    if (type.empty() || same_letters(type, "text/plain")) return page_format::text;
    if (same_letters(type, "application/openmetrics-text")) return page_format::openmetrics;
    return fail(cause::wrong_media_type,
                fmt::format("'{}' is not an exposition format", type.substr(0, 80)));
}

std::string unescaped(std::string_view value) {
    std::string plain;
    plain.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] != '\\' || i + 1 == value.size()) {
            plain += value[i];
            continue;
        }
        const char escape = value[++i];
        if (escape == 'n') {
            plain += '\n';
        } else if (escape == '\\' || escape == '"') {
            plain += escape;
        } else {  // OpenMetrics keeps other escapes as they are
            plain += '\\';
            plain += escape;
        }
    }
    return plain;
}

std::optional<double> parse_number(std::string_view text) noexcept {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    std::optional<double> value;
    if ((text.front() | 0x20) >= 'a') {
        if (same_letters(text, "inf") || same_letters(text, "infinity")) {
            value = std::numeric_limits<double>::infinity();
        } else if (same_letters(text, "nan")) {
            value = std::numeric_limits<double>::quiet_NaN();
        }
    } else if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
        text.remove_prefix(2);
        const bool whole = text.front() != '-' && text.find_first_of("pP") != text.npos;
        if (whole) value = parse_digits(text, true);
    } else if (text.front() != '-') {  // from_chars would accept a second sign
        value = parse_digits(text, false);
    }
    if (!value) return std::nullopt;
    return negative ? -*value : *value;
}

name_table::name_table(std::vector<std::string_view> names) : names_(std::move(names)) {
    slots_.assign(std::bit_ceil(names_.size() * 4 + 1), absent);
    for (std::uint32_t index = 0; index < names_.size(); ++index) {
        auto slot = hash_name(names_[index]) >> 20;
        while (slots_[slot & (slots_.size() - 1)] != absent) ++slot;
        slots_[slot & (slots_.size() - 1)] = index;
    }
}

std::uint32_t name_table::find(std::string_view name) const noexcept {
    if (slots_.empty()) return absent;
    for (auto slot = hash_name(name) >> 20;; ++slot) {
        const auto index = slots_[slot & (slots_.size() - 1)];
        if (index == absent || names_[index] == name) return index;
    }
}

void page_reader::open(std::string_view page, page_format format, const name_table* wanted) {
    wanted_ = wanted;
    format_ = format;
    begin_ = next_line_ = line_begin_ = line_end_ = page.data();
    end_ = page.data() + page.size();
    name_ = last_name_ = {};
    last_index_ = name_table::absent;
    eof_seen_ = false;
    problem_ = nullptr;
    is_too_large_ = page.size() > limits_.page_bytes;
    if (is_too_large_) next_line_ = end_;
}

bool page_reader::fail(const char* problem) noexcept {
    problem_ = problem;
    return false;
}

bool page_reader::next(sample& out) {
    while (problem_ == nullptr && next_line_ != end_) {
        line_begin_ = next_line_;
        line_end_ = find_byte(line_begin_, end_, '\n');
        if (line_end_ == nullptr) {
            line_end_ = end_;
            // Only the # EOF of OpenMetrics may lack a line feed. Any other such line is truncated.
            if (format_ == page_format::text || *line_begin_ != '#') {
                return fail("the page ends in the middle of a line");
            }
        }
        next_line_ = line_end_ == end_ ? end_ : line_end_ + 1;
        if (wanted_ == nullptr && is_line_too_long()) return fail(line_too_long);
        if (eof_seen_) return fail("text after # EOF");
        switch (read_line(out)) {
            case verdict::sample:
                return true;
            case verdict::failed:
                return false;
            case verdict::skipped:
                break;
        }
    }
    const bool is_read = problem_ == nullptr && !is_too_large_;
    if (is_read && format_ == page_format::openmetrics && !eof_seen_) {
        line_begin_ = end_;
        fail("# EOF is missing: the page is truncated");
    }
    return false;
}

base::outcome<void> page_reader::finish() const {
    if (is_too_large_) {
        return scrape::fail(cause::page_too_large,
                            fmt::format("the page has {} bytes; the maximum is {}", end_ - begin_,
                                        limits_.page_bytes));
    }
    if (problem_ == nullptr) return {};
    return scrape::fail(cause::malformed_page, fmt::format("line {}: {}", line(), problem_));
}

std::size_t page_reader::line() const noexcept {
    return 1 + std::size_t(std::count(begin_, line_begin_, '\n'));
}

void page_reader::skip_blanks(const char*& cursor) const noexcept {
    while (cursor != line_end_ && (*cursor == ' ' || *cursor == '\t')) ++cursor;
}

page_reader::verdict page_reader::read_line(sample& out) {
    const char* cursor = line_begin_;
    if (format_ == page_format::text) skip_blanks(cursor);
    if (cursor == line_end_) {
        return format_ == page_format::text ? verdict::skipped : without_name("an empty line");
    }
    if (*cursor == '#') return read_comment() ? verdict::skipped : verdict::failed;
    if (*cursor == '{') [[unlikely]] {
        return read_quoted_line(cursor, out);
    }
    if (!read_name(cursor)) return without_name("a metric name was expected");
    if (!choose_name()) return verdict::skipped;
    if (format_ == page_format::text) skip_blanks(cursor);
    labels_.clear();
    if (cursor != line_end_ && *cursor == '{') {
        ++cursor;
        if (!read_labels(cursor)) return verdict::failed;
    }
    return read_rest(cursor, out);
}

// Reads a line that starts with a quoted name in braces: {"a name",label="value"} 1
page_reader::verdict page_reader::read_quoted_line(const char* cursor, sample& out) {
    if (!read_quoted_name(cursor)) return without_name("a metric name was expected");
    const bool is_wanted = choose_name();
    last_name_ = {};  // without its quotes it may not be a name
    if (!is_wanted) return verdict::skipped;
    if (format_ == page_format::text) skip_blanks(cursor);
    labels_.clear();
    if (cursor == line_end_) {
        fail("the labels are not closed");
        return verdict::failed;
    }
    if (*cursor != ',' && *cursor != '}') {
        fail("',' or '}' was expected after the metric name");
        return verdict::failed;
    }
    if (*cursor == ',') ++cursor;
    return read_labels(cursor) ? read_rest(cursor, out) : verdict::failed;
}

// Reads what follows the labels.
page_reader::verdict page_reader::read_rest(const char* cursor, sample& out) {
    if (is_line_too_long()) {
        fail(line_too_long);
        return verdict::failed;
    }
    if (!read_value(cursor, out.value)) return verdict::failed;
    if (!read_tail(cursor)) return verdict::failed;
    out.name = name_;
    out.labels = labels_;
    out.name_index = last_index_;
    return verdict::sample;
}

bool page_reader::is_line_too_long() const noexcept {
    return std::size_t(line_end_ - line_begin_) > limits_.line_bytes;
}

// Without a name that can be read, no table has the line.
page_reader::verdict page_reader::without_name(const char* problem) noexcept {
    if (wanted_ != nullptr) return verdict::skipped;
    fail(problem);
    return verdict::failed;
}

// Skips a comment. OpenMetrics allows four kinds of comments only.
bool page_reader::read_comment() {
    if (format_ == page_format::text) return true;
    const std::string_view text(line_begin_, std::size_t(line_end_ - line_begin_));
    if (text == "# EOF") {
        eof_seen_ = true;
        return true;
    }
    if (line_end_ == end_) return fail("the page ends in the middle of a line");
    if (text.starts_with("# HELP ") || text.starts_with("# TYPE ") || text.starts_with("# UNIT ")) {
        return true;
    }
    return wanted_ != nullptr || fail("a comment other than # HELP, # TYPE, # UNIT or # EOF");
}

// The lines of a family are adjacent, so the name usually equals that of the previous line.
bool page_reader::read_name(const char*& cursor) {
    const auto left = std::size_t(line_end_ - cursor);
    const auto same = last_name_.size();
    if (same != 0 && left > same && std::memcmp(cursor, last_name_.data(), same) == 0 &&
        !is(cursor[same], name_rest)) {
        name_ = last_name_;
        cursor += same;
        return true;
    }
    if (!is(*cursor, name_start)) return false;
    const char* const start = cursor;
    while (cursor != line_end_ && is(*cursor, name_rest)) ++cursor;
    name_ = {start, std::size_t(cursor - start)};
    return true;
}

// Reads {"a metric name" and leaves the cursor after the name. A name with escapes stays as
// written.
bool page_reader::read_quoted_name(const char*& cursor) {
    ++cursor;
    if (format_ == page_format::text) skip_blanks(cursor);
    if (cursor == line_end_ || *cursor != '"') return false;
    const char* const start = ++cursor;
    while (cursor != line_end_ && *cursor != '"') {
        cursor += *cursor == '\\' && cursor + 1 != line_end_ ? 2 : 1;
    }
    if (cursor == line_end_ || cursor == start) return false;
    name_ = {start, std::size_t(cursor - start)};
    ++cursor;
    return true;
}

// Returns whether the rest of the line must be parsed.
bool page_reader::choose_name() {
    if (wanted_ == nullptr) {
        last_name_ = name_;
        return true;
    }
    if (name_.data() != last_name_.data()) {
        last_name_ = name_;
        last_index_ = wanted_->find(name_);
        if (last_index_ == name_table::absent && format_ == page_format::openmetrics &&
            name_.ends_with("_total")) {
            last_index_ = wanted_->find(name_.substr(0, name_.size() - 6));
        }
    }
    return last_index_ != name_table::absent;
}

bool page_reader::read_labels(const char*& cursor) {
    const bool loose = format_ == page_format::text;
    for (;;) {
        if (loose) skip_blanks(cursor);
        if (cursor == line_end_) return fail("the labels are not closed");
        if (*cursor == '}') break;
        if (labels_.size() == limits_.labels) return fail("too many labels");
        label parsed;
        if (is(*cursor, label_start)) {
            const char* const start = cursor;
            while (cursor != line_end_ && is(*cursor, label_rest)) ++cursor;
            parsed.name = {start, std::size_t(cursor - start)};
        } else if (!read_quoted_label_name(cursor, parsed)) {
            return false;
        }
        if (loose) skip_blanks(cursor);
        if (cursor == line_end_ || *cursor != '=')
            return fail("'=' was expected after a label name");
        ++cursor;
        if (loose) skip_blanks(cursor);
        if (!read_label_value(cursor, parsed)) return false;
        labels_.push_back(parsed);
        if (loose) skip_blanks(cursor);
        if (cursor == line_end_) return fail("the labels are not closed");
        if (*cursor == '}') break;
        if (*cursor != ',') return fail("',' or '}' was expected after a label");
        ++cursor;
    }
    ++cursor;
    return true;
}

bool page_reader::read_quoted_label_name(const char*& cursor, label& out) {
    if (*cursor != '"') return fail("a label name was expected");
    label quoted;
    if (!read_label_value(cursor, quoted)) return false;
    out.name = quoted.value;
    return true;
}

bool page_reader::read_label_value(const char*& cursor, label& out) {
    if (cursor == line_end_ || *cursor != '"') return fail("a label value in quotes was expected");
    const char* const start = ++cursor;
    for (;; ++cursor) {
        if (cursor == line_end_) return fail("a label value is not closed");
        if (*cursor == '"') break;
        if (*cursor != '\\') continue;
        out.escaped = true;
        if (++cursor == line_end_) return fail("a label value is not closed");
        const bool known = *cursor == 'n' || *cursor == '\\' || *cursor == '"';
        if (!known && format_ == page_format::text)
            return fail("an unknown escape in a label value");
    }
    out.value = {start, std::size_t(cursor - start)};
    ++cursor;
    return true;
}

bool page_reader::read_value(const char*& cursor, double& value) {
    const char* const gap = cursor;
    if (format_ == page_format::text) {
        skip_blanks(cursor);
    } else if (cursor != line_end_ && *cursor == ' ') {
        ++cursor;
    }
    // "up 1" needs a blank, "up{...}1" does not: the text format consists of tokens. OpenMetrics
    // requires exactly one blank.
    const bool is_separate =
        cursor != gap || (format_ == page_format::text &&
                          (cursor[-1] == ' ' || cursor[-1] == '\t' || cursor[-1] == '}'));
    if (!is_separate) {
        return fail("a blank was expected before the value");
    }
    const char* const start = cursor;
    while (cursor != line_end_ && *cursor != ' ' && *cursor != '\t') ++cursor;
    const auto number = parse_number({start, std::size_t(cursor - start)});
    if (!number) return fail("the value is not a number");
    value = *number;
    return true;
}

// Validates and drops the timestamp and the exemplar. The time of a sample is that of its scrape.
bool page_reader::read_tail(const char* cursor) {
    if (cursor == line_end_) return true;
    if (format_ == page_format::text) {
        skip_blanks(cursor);
        if (cursor == line_end_) return true;
        const char* const start = cursor;
        std::int64_t milliseconds = 0;
        if (*cursor == '+') ++cursor;
        const auto result = std::from_chars(cursor, line_end_, milliseconds);
        if (result.ec != std::errc{} || result.ptr == start) return fail("an invalid timestamp");
        cursor = result.ptr;
        skip_blanks(cursor);
        return cursor == line_end_ || fail("text after the timestamp");
    }
    if (*cursor != ' ') return fail("a single space was expected after the value");
    ++cursor;
    if (cursor != line_end_ && *cursor == '#') return read_exemplar(cursor);
    const char* const start = cursor;
    while (cursor != line_end_ && *cursor != ' ') ++cursor;
    const auto seconds = parse_number({start, std::size_t(cursor - start)});
    if (!seconds || !std::isfinite(*seconds)) return fail("an invalid timestamp");
    if (cursor == line_end_) return true;
    return read_exemplar(cursor + 1);
}

// "# {trace_id="abc"} 0.67 1520879607.789"
bool page_reader::read_exemplar(const char* cursor) {
    const std::string_view text(cursor, std::size_t(line_end_ - cursor));
    if (!text.starts_with("# {")) return fail("an invalid exemplar");
    cursor += 3;
    const auto label_count = labels_.size();
    const bool closed = read_labels(cursor);
    labels_.resize(std::min(label_count, labels_.size()));
    if (!closed) return false;
    double ignored = 0;
    if (!read_value(cursor, ignored)) return false;
    if (cursor == line_end_) return true;
    const auto seconds = *cursor == ' '
                             ? parse_number({cursor + 1, std::size_t(line_end_ - cursor - 1)})
                             : std::nullopt;
    return (seconds && std::isfinite(*seconds)) || fail("an invalid exemplar");
}

}  // namespace scrape
