#include "otlp/attributes.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/ascii.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace otlp {
namespace {

using base::errc;

// RFC 9110, 5.6.2.
bool is_header_name(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("!#$%&'*+-.^_`|~").contains(c);
    });
}

bool is_header_value(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
}

struct value_writer {
    json::writer& out;

    void operator()(std::string_view value) const { out.member("stringValue", value); }
    void operator()(bool value) const { out.member("boolValue", value); }
    void operator()(double value) const { out.key("doubleValue").number(value); }
    // 64-bit integers are decimal text in the JSON of protocol buffers.
    void operator()(std::int64_t value) const { out.member("intValue", std::to_string(value)); }
};

}  // namespace

void write_attribute(json::writer& out, std::string_view key, const attribute_value& value) {
    out.begin_object().member("key", key).key("value").begin_object();
    std::visit(value_writer{out}, value);
    out.end_object().end_object();
}

std::string nanoseconds_text(base::instant start, std::chrono::nanoseconds duration) {
    const auto time = std::chrono::nanoseconds(start.time_since_epoch()) + duration;
    return std::to_string(time.count());
}

void write_resource(json::writer& out, const resource& source) {
    const attribute_list own{{"service.name", source.service_name},
                             {"service.version", source.service_version},
                             {"service.instance.id", source.service_instance_id}};
    const auto is_own = [&own](const std::string& key) {
        return std::ranges::any_of(own, [&key](const auto& entry) { return entry.first == key; });
    };
    out.begin_object().key("attributes").begin_array();
    for (const auto& [key, value] : own) {
        if (!value.empty()) write_attribute(out, key, value);
    }
    for (const auto& [key, value] : source.attributes) {
        if (!is_own(key)) write_attribute(out, key, value);
    }
    out.end_array().end_object();
}

std::uint64_t rejected_items(std::string_view response_body, std::string_view member) {
    const auto parsed = json::try_parse(response_body);
    const auto* document = parsed ? parsed->if_object() : nullptr;
    if (document == nullptr) return 0;
    const auto& partial = json::object_or_empty(*document, "partialSuccess");
    const auto* count = partial.if_contains(member);
    if (count == nullptr) return 0;
    if (const auto* number = count->if_int64()) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, *number));
    }
    const auto text = json::text_at(partial, member);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

base::outcome<attribute_list> parse_attributes(std::string_view text) {
    attribute_list result;
    while (!text.empty()) {
        const auto size = std::min(text.find(','), text.size());
        const auto item = base::trimmed(text.substr(0, size));
        text.remove_prefix(std::min(size + 1, text.size()));
        if (item.empty()) continue;
        const auto equals = std::min(item.find('='), item.size());
        const auto key = base::trimmed(item.substr(0, equals));
        if (equals == item.size() || key.empty()) {
            return base::fail(errc::invalid, "must be key=value,key=value");
        }
        auto value = http::decode_percent(base::trimmed(item.substr(equals + 1)), false);
        if (!value) {
            return base::fail(errc::invalid, "a value is not percent-encoded UTF-8 text");
        }
        result.emplace_back(std::string(key), std::move(*value));
    }
    return result;
}

base::outcome<attribute_list> parse_headers(std::string_view text) {
    auto list = parse_attributes(text);
    if (!list) return list;
    for (const auto& [name, value] : *list) {
        if (!is_header_name(name)) {
            return base::fail(errc::invalid, "a key is not the name of a header");
        }
        if (!is_header_value(value)) {
            return base::fail(errc::invalid, "a value has a control character");
        }
    }
    return list;
}

base::outcome<http::url> signal_url(std::string_view base, std::string_view whole,
                                    std::string_view path) {
    auto url = http::parse_url(whole.empty() ? base : whole);
    if (!url) return base::pass(std::move(url));
    if (whole.empty()) url->path += path;
    if (url->path.empty()) url->path = "/";
    return url;
}

}  // namespace otlp
