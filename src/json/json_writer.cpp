#include "json/json_writer.hpp"

#include <fmt/format.h>

#include <cmath>

namespace json {

void writer::separate() {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
}

writer& writer::open(char bracket) {
    separate();
    out_ += bracket;
    needs_comma_ = false;
    return *this;
}

writer& writer::close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
    return *this;
}

writer& writer::key(std::string_view name) {
    separate();
    needs_comma_ = false;
    text(name);
    out_ += ':';
    needs_comma_ = false;
    return *this;
}

writer& writer::text(std::string_view value) {
    separate();
    out_ += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const auto c = static_cast<unsigned char>(value[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out_ += value.substr(plain, i - plain);
        plain = i + 1;
        switch (c) {
            case '"':
                out_ += "\\\"";
                break;
            case '\\':
                out_ += "\\\\";
                break;
            case '\n':
                out_ += "\\n";
                break;
            case '\r':
                out_ += "\\r";
                break;
            case '\t':
                out_ += "\\t";
                break;
            default:
                fmt::format_to(std::back_inserter(out_), "\\u{:04x}", c);
        }
    }
    out_ += value.substr(plain);
    out_ += '"';
    return *this;
}

writer& writer::integer(std::int64_t value) {
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", value);
    return *this;
}

writer& writer::number(double value) {
    if (!std::isfinite(value)) return null();
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", value);
    return *this;
}

writer& writer::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

writer& writer::null() {
    separate();
    out_ += "null";
    return *this;
}

writer& writer::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace json
