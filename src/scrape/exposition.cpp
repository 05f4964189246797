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

namespace scrape {
namespace {

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

bool is(char c, char_class what) noexcept {
    return (classes[static_cast<unsigned char>(c)] & what) != 0;
}

const char* find_byte(const char* from, const char* to, char byte) noexcept {
    return static_cast<const char*>(std::memchr(from, byte, std::size_t(to - from)));
}

std::uint64_t load(const char* from, std::size_t bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, bytes);
    return word;
}

// Length, first and last eight bytes and eight from the middle: metric names differ there.
std::uint64_t hash_name(std::string_view name) noexcept {
    const auto size = name.size();
    if (size < 8) return (load(name.data(), size) ^ (size << 56)) * 0x9E3779B97F4A7C15ULL;
    const auto head = load(name.data(), 8);
    const auto tail = load(name.data() + size - 8, 8);
    const auto middle = load(name.data() + (size - 8) / 2, 8);
    auto hash = (head ^ size) * 0x9E3779B97F4A7C15ULL;
    hash = (std::rotl(hash, 31) ^ middle) * 0xD6E8FEB86659FD93ULL;
    return (std::rotl(hash, 29) ^ tail) * 0xA0761D6478BD642FULL;
}

bool same_letters(std::string_view text, std::string_view lower) noexcept {
    return std::ranges::equal(text, lower,
                              [](char left, char right) { return (left | 0x20) == right; });
}

// from_chars does not say on which side the range was left: below it is zero, above it the text is
// refused.
std::optional<double> out_of_range(std::string_view digits, bool hexadecimal) noexcept {
    std::array<char, 128> text{};
    const std::size_t prefix = hexadecimal ? 2 : 0;
    if (digits.size() + prefix + 1 > text.size()) return std::nullopt;
    if (hexadecimal) std::memcpy(text.data(), "0x", 2);
    std::memcpy(text.data() + prefix, digits.data(), digits.size());
    const double value = std::strtod(text.data(), nullptr);
    return value < 1 ? std::optional(value) : std::nullopt;
}

// A number without sign: digits only.
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
    return base::fail(base::errc::corrupt,
                      fmt::format("'{}' is not an exposition format", type.substr(0, 80)),
                      "wrong_media_type");
}

std::string unescaped(std::string_view value) {
    std::string plain;
    plain.reserve(value.size());
    for (std::size_t at = 0; at < value.size(); ++at) {
        if (value[at] != '\\' || at + 1 == value.size()) {
            plain += value[at];
            continue;
        }
        const char what = value[++at];
        if (what == 'n') {
            plain += '\n';
        } else if (what == '\\' || what == '"') {
            plain += what;
        } else {  // OpenMetrics lets other escapes stand for themselves
            plain += '\\';
            plain += what;
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
    } else if (text.front() != '-') {  // from_chars would take a second sign
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
    fault_ = page.size() > limits_.page_bytes ? "page_too_large" : nullptr;
    if (fault_ != nullptr) next_line_ = end_;
}

bool page_reader::fail(const char* what) noexcept {
    fault_ = what;
    return false;
}

bool page_reader::next(sample& into) {
    while (fault_ == nullptr && next_line_ != end_) {
        line_begin_ = next_line_;
        line_end_ = find_byte(line_begin_, end_, '\n');
        if (line_end_ == nullptr) {
            line_end_ = end_;
            // Only the # EOF of OpenMetrics may stand without a line feed; any other such line was
            // cut off.
            if (format_ == page_format::text || *line_begin_ != '#') {
                return fail("the page ends in the middle of a line");
            }
        }
        next_line_ = line_end_ == end_ ? end_ : line_end_ + 1;
        if (std::size_t(line_end_ - line_begin_) > limits_.line_bytes) {
            return fail("the line is too long");
        }
        if (eof_seen_) return fail("there is more after # EOF");
        switch (read_line(into)) {
            case verdict::sample:
                return true;
            case verdict::failed:
                return false;
            case verdict::skipped:
                break;
        }
    }
    if (fault_ == nullptr && format_ == page_format::openmetrics && !eof_seen_) {
        line_begin_ = end_;
        fail("# EOF is missing: the page is cut off");
    }
    return false;
}

base::outcome<void> page_reader::finish() const {
    if (fault_ == nullptr) return {};
    if (std::string_view(fault_) == "page_too_large") {
        return base::fail(base::errc::limit,
                          fmt::format("the page has {} bytes, more than the allowed {}",
                                      end_ - begin_, limits_.page_bytes),
                          "page_too_large");
    }
    return base::fail(base::errc::corrupt, fmt::format("line {}: {}", line(), fault_),
                      "malformed_page");
}

std::size_t page_reader::line() const noexcept {
    return 1 + std::size_t(std::count(begin_, line_begin_, '\n'));
}

void page_reader::skip_blanks(const char*& at) const noexcept {
    while (at != line_end_ && (*at == ' ' || *at == '\t')) ++at;
}

page_reader::verdict page_reader::read_line(sample& into) {
    const char* at = line_begin_;
    if (format_ == page_format::text) skip_blanks(at);
    if (at == line_end_) {
        if (format_ == page_format::text) return verdict::skipped;
        fail("an empty line");
        return verdict::failed;
    }
    if (*at == '#') return read_comment() ? verdict::skipped : verdict::failed;
    if (!read_name(at)) return verdict::failed;
    if (!choose_name()) return verdict::skipped;
    labels_.clear();
    if (format_ == page_format::text) skip_blanks(at);
    if (at != line_end_ && *at == '{') {
        ++at;
        if (!read_labels(at)) return verdict::failed;
    }
    if (!read_value(at, into.value)) return verdict::failed;
    if (!read_tail(at)) return verdict::failed;
    into.name = name_;
    into.labels = labels_;
    into.name_index = last_index_;
    return verdict::sample;
}

// Comments carry nothing that is needed here; in OpenMetrics only four kinds of them are legal.
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
    return fail("neither a sample nor # HELP, # TYPE, # UNIT or # EOF");
}

// Lines of one family stand together, so the name is most often that of the line before.
bool page_reader::read_name(const char*& at) {
    const auto left = std::size_t(line_end_ - at);
    const auto same = last_name_.size();
    if (same != 0 && left > same && std::memcmp(at, last_name_.data(), same) == 0 &&
        !is(at[same], name_rest)) {
        name_ = last_name_;
        at += same;
        return true;
    }
    if (!is(*at, name_start)) return fail("a metric name was expected");
    const char* const from = at;
    while (at != line_end_ && is(*at, name_rest)) ++at;
    name_ = {from, std::size_t(at - from)};
    return true;
}

// Whether the line is to be read further.
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

bool page_reader::read_labels(const char*& at) {
    const bool loose = format_ == page_format::text;
    for (;;) {
        if (loose) skip_blanks(at);
        if (at == line_end_) return fail("the labels are not closed");
        if (*at == '}') break;
        if (labels_.size() == limits_.labels) return fail("too many labels");
        if (!is(*at, label_start)) return fail("a label name was expected");
        const char* const from = at;
        while (at != line_end_ && is(*at, label_rest)) ++at;
        label found{.name = {from, std::size_t(at - from)}};
        if (loose) skip_blanks(at);
        if (at == line_end_ || *at != '=') return fail("'=' was expected after a label name");
        ++at;
        if (loose) skip_blanks(at);
        if (!read_label_value(at, found)) return false;
        labels_.push_back(found);
        if (loose) skip_blanks(at);
        if (at == line_end_) return fail("the labels are not closed");
        if (*at == '}') break;
        if (*at != ',') return fail("',' or '}' was expected after a label");
        ++at;
    }
    ++at;
    return true;
}

bool page_reader::read_label_value(const char*& at, label& into) {
    if (at == line_end_ || *at != '"') return fail("a label value in quotes was expected");
    const char* const from = ++at;
    for (;; ++at) {
        if (at == line_end_) return fail("a label value is not closed");
        if (*at == '"') break;
        if (*at != '\\') continue;
        into.escaped = true;
        if (++at == line_end_) return fail("a label value is not closed");
        const bool known = *at == 'n' || *at == '\\' || *at == '"';
        if (!known && format_ == page_format::text)
            return fail("an unknown escape in a label value");
    }
    into.value = {from, std::size_t(at - from)};
    ++at;
    return true;
}

bool page_reader::read_value(const char*& at, double& value) {
    const char* const gap = at;
    if (format_ == page_format::text) {
        skip_blanks(at);
    } else if (at != line_end_ && *at == ' ') {
        ++at;
    }
    // "up 1" needs its blank, "up{...}1" does not (the text format has tokens; only OpenMetrics
    // wants exactly one).
    const bool parted = at != gap || (format_ == page_format::text &&
                                      (at[-1] == ' ' || at[-1] == '\t' || at[-1] == '}'));
    if (!parted) {
        return fail("a blank was expected before the value");
    }
    const char* const from = at;
    while (at != line_end_ && *at != ' ' && *at != '\t') ++at;
    const auto number = parse_number({from, std::size_t(at - from)});
    if (!number) return fail("the value is not a number");
    value = *number;
    return true;
}

// Timestamp and exemplar are checked and dropped: the time of a sample is the time of its scrape.
bool page_reader::read_tail(const char* at) {
    if (at == line_end_) return true;
    if (format_ == page_format::text) {
        skip_blanks(at);
        if (at == line_end_) return true;
        const char* const from = at;
        std::int64_t milliseconds = 0;
        if (*at == '+') ++at;
        const auto result = std::from_chars(at, line_end_, milliseconds);
        if (result.ec != std::errc{} || result.ptr == from) return fail("a bad timestamp");
        at = result.ptr;
        skip_blanks(at);
        return at == line_end_ || fail("something follows the timestamp");
    }
    if (*at != ' ') return fail("a single space was expected after the value");
    ++at;
    if (at != line_end_ && *at == '#') return read_exemplar(at);
    const char* const from = at;
    while (at != line_end_ && *at != ' ') ++at;
    const auto seconds = parse_number({from, std::size_t(at - from)});
    if (!seconds || !std::isfinite(*seconds)) return fail("a bad timestamp");
    if (at == line_end_) return true;
    return read_exemplar(at + 1);
}

// "# {trace_id="abc"} 0.67 1520879607.789"
bool page_reader::read_exemplar(const char* at) {
    const std::string_view text(at, std::size_t(line_end_ - at));
    if (!text.starts_with("# {")) return fail("a bad exemplar");
    at += 3;
    const auto kept = labels_.size();
    const bool closed = read_labels(at);
    labels_.resize(std::min(kept, labels_.size()));
    if (!closed) return false;
    double ignored = 0;
    if (!read_value(at, ignored)) return false;
    if (at == line_end_) return true;
    const auto seconds =
        *at == ' ' ? parse_number({at + 1, std::size_t(line_end_ - at - 1)}) : std::nullopt;
    return (seconds && std::isfinite(*seconds)) || fail("a bad exemplar");
}

}  // namespace scrape
