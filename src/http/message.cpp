#include "http/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace http {
namespace {

constexpr std::array<std::string_view, 8> method_names{"GET",   "HEAD",   "POST",    "PUT",
                                                       "PATCH", "DELETE", "OPTIONS", "OTHER"};

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lowered = base::lower(c);
    return lowered >= 'a' && lowered <= 'f' ? lowered - 'a' + 10 : -1;
}

// Returns the byte of the percent escape that `text` begins with.
std::optional<char> escaped_byte(std::string_view text) noexcept {
    if (text.size() < 3 || text[0] != '%') return std::nullopt;
    const int high = hex_value(text[1]), low = hex_value(text[2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

// RFC 3986, 2.3.
bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// Returns whether the text is valid UTF-8 without NUL.
bool is_utf8_text(std::string_view text) noexcept {
    for (std::size_t index = 0; index < text.size();) {
        const auto length = base::utf8_length(text.substr(index));
        if (length == 0 || text[index] == '\0') return false;
        index += length;
    }
    return true;
}

// Returns nullopt unless `text` is a decimal number from 1 to 65535.
std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc() || stop != end || port == 0) return std::nullopt;
    return port;
}

bool is_host_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

}  // namespace

std::string_view name(method verb) noexcept {
    return method_names[static_cast<std::size_t>(verb)];
}

// Field names are case-insensitive (RFC 9110 section 5.1).
std::string_view headers::get(std::string_view name) const noexcept {
    for (const auto& item : items_) {
        if (base::equals_ignore_case(item.name, name)) return item.value;
    }
    return {};
}

bool headers::has(std::string_view name) const noexcept {
    return std::ranges::any_of(
        items_, [&](const header& item) { return base::equals_ignore_case(item.name, name); });
}

void headers::add(std::string name, std::string value) {
    constexpr std::size_t usual = 10;  // fields of a message
    if (items_.empty()) items_.reserve(usual);
    items_.push_back({std::move(name), std::move(value)});
}

void headers::append(std::string_view name, std::string_view value) {
    const auto it = std::ranges::find_if(
        items_, [&](const header& item) { return base::equals_ignore_case(item.name, name); });
    if (it == items_.end()) return add(std::string(name), std::string(value));
    if (it->value == value) return;
    // A comma may be a part of a cookie (RFC 9113, 8.2.3).
    it->value += base::equals_ignore_case(name, "Cookie") ? "; " : ", ";
    it->value += value;
}

void headers::set(std::string_view name, std::string value) {
    erase(name);
    items_.push_back({std::string(name), std::move(value)});
}

void headers::erase(std::string_view name) {
    std::erase_if(items_,
                  [&](const header& item) { return base::equals_ignore_case(item.name, name); });
}

std::string body::to_string() const {
    std::string text = before;
    if (shared) {
        text += shared->substr(0, split_at);
        text += middle;
        text += shared->substr(split_at);
    }
    return text + after;
}

std::string_view request::path() const noexcept {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view request::query() const noexcept {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

std::optional<std::string> decode_percent(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t index = 0; index < text.size(); ++index) {
        if (text[index] == '%') {
            const auto byte = escaped_byte(text.substr(index));
            if (!byte) return std::nullopt;
            decoded += *byte;
            index += 2;
        } else {
            decoded += plus_is_space && text[index] == '+' ? ' ' : text[index];
        }
    }
    if (!is_utf8_text(decoded)) return std::nullopt;
    return decoded;
}

std::string decode_unreserved(std::string_view path) {
    std::string decoded;
    decoded.reserve(path.size());
    for (std::size_t index = 0; index < path.size(); ++index) {
        const auto byte = escaped_byte(path.substr(index));
        const bool is_decoded = byte && is_unreserved(*byte);
        decoded += is_decoded ? *byte : path[index];
        if (is_decoded) index += 2;
    }
    return decoded;
}

std::string encode_percent(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded;
}

base::outcome<std::vector<query_item>> parse_query(std::string_view query) {
    std::vector<query_item> items;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const auto mark = std::min(pair.find('='), pair.size());
        auto name = decode_percent(pair.substr(0, mark), true);
        auto value =
            decode_percent(mark < pair.size() ? pair.substr(mark + 1) : std::string_view(), true);
        if (!name || !value) {
            return base::fail(base::errc::invalid,
                              "the query contains a broken percent escape or is not UTF-8");
        }
        items.push_back({std::move(*name), std::move(*value)});
    }
    return items;
}

base::outcome<std::vector<entity_tag>> parse_entity_tags(std::string_view text) {
    const auto invalid = [] {
        return base::fail(base::errc::invalid,
                          "not a list of entity tags; use the form \"5\" or W/\"5\"");
    };
    const auto is_tag_char = [](unsigned char c) { return c == 0x21 || (c > 0x22 && c != 0x7f); };
    std::vector<entity_tag> tags;
    while (true) {
        entity_tag tag{.weak = text.starts_with("W/")};
        if (tag.weak) text.remove_prefix(2);
        if (!text.starts_with('"')) return invalid();
        text.remove_prefix(1);
        const auto end = text.find('"');
        if (end == std::string_view::npos) return invalid();
        tag.text = text.substr(0, end);
        if (!std::ranges::all_of(tag.text, is_tag_char)) return invalid();
        tags.push_back(tag);
        text.remove_prefix(end + 1);
        while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
        if (text.empty()) return tags;
        if (!text.starts_with(',')) return invalid();
        while (text.starts_with(',') || text.starts_with(' ') || text.starts_with('\t')) {
            text.remove_prefix(1);
        }
    }
}

base::outcome<host_port> parse_host_port(std::string_view text) {
    // The text is not repeated: a user and a password may be in front of the host.
    const auto invalid = [] {
        return base::fail(base::errc::invalid, "must be host[:port], with a port from 1 to 65535");
    };
    host_port parts;
    std::string_view rest;
    if (text.starts_with('[')) {  // IPv6 literal
        const auto close = text.find(']');
        if (close == std::string_view::npos) return invalid();
        parts.host = text.substr(1, close - 1);
        rest = text.substr(close + 1);
        const bool is_address = std::ranges::all_of(
            parts.host, [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
        if (!is_address) return invalid();
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        parts.host = text.substr(0, colon);
        rest = text.substr(colon);
        if (!std::ranges::all_of(parts.host, is_host_character)) return invalid();
    }
    if (parts.host.empty()) return invalid();
    if (rest.empty()) return parts;
    if (rest[0] != ':') return invalid();
    parts.port = read_port(rest.substr(1));
    if (!parts.port) return invalid();
    return parts;
}

base::outcome<url> parse_url(std::string_view text) {
    const auto invalid = [] {
        return base::fail(base::errc::invalid,
                          "not a URL of the form http[s]://host[:port][/path]");
    };
    url parts;
    const auto colon = std::min(text.find("://"), text.size());
    const auto scheme = base::lower(text.substr(0, colon));  // RFC 3986, 3.1
    if (scheme != "https" && scheme != "http") return invalid();
    if (colon == text.size()) return invalid();
    parts.secure = scheme == "https";
    text.remove_prefix(colon + 3);
    const auto slash = std::min(text.find('/'), text.size());
    const auto authority = text.substr(0, slash);
    parts.path = text.substr(slash);
    while (parts.path.ends_with('/')) parts.path.pop_back();
    if (parts.path.find_first_of("?# ") != std::string::npos) return invalid();
    auto server = parse_host_port(authority);
    if (!server) return invalid();
    parts.host = std::move(server->host);
    parts.port = server->port.value_or(parts.secure ? 443 : 80);
    return parts;
}

}  // namespace http
