#include "otlp/span_json.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "base/ascii.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"

namespace otlp {
namespace {

using base::errc;

void write_text(json::writer& out, std::string_view key, std::string_view value) {
    out.begin_object().member("key", key).key("value").begin_object();
    out.member("stringValue", value).end_object().end_object();
}

// 64-bit integers are decimal text in the JSON of protocol buffers.
void write_number(json::writer& out, std::string_view key, std::int64_t value) {
    out.begin_object().member("key", key).key("value").begin_object();
    out.member("intValue", std::to_string(value)).end_object().end_object();
}

std::string nanoseconds_text(base::instant start, std::chrono::nanoseconds duration) {
    const auto time = std::chrono::nanoseconds(start.time_since_epoch()) + duration;
    return std::to_string(time.count());
}

void write_span(json::writer& out, const obs::span& source) {
    out.begin_object().member("traceId", obs::hex_text(source.context.trace_id));
    out.member("spanId", obs::hex_text(source.context.span_id));
    if (source.parent_id != obs::span_id_bytes{}) {
        out.member("parentSpanId", obs::hex_text(source.parent_id));
    }
    out.member("flags", 1).member("name", source.name).member("kind", int(source.kind));
    out.member("startTimeUnixNano", nanoseconds_text(source.start, {}));
    out.member("endTimeUnixNano", nanoseconds_text(source.start, source.duration));
    out.key("attributes").begin_array();
    for (const auto& [key, value] : source.attributes) write_text(out, key, value);
    for (const auto& [key, value] : source.numbers) write_number(out, key, value);
    out.end_array().key("status").begin_object();
    if (source.status != obs::span_status::unset) out.member("code", int(source.status));
    out.end_object().end_object();
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
        if (!value.empty()) write_text(out, key, value);
    }
    for (const auto& [key, value] : source.attributes) {
        if (!is_own(key)) write_text(out, key, value);
    }
    out.end_array().end_object();
}

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

}  // namespace

std::string encode(const resource& source, const std::vector<obs::span>& spans) {
    std::string text;
    json::writer out(text);
    out.begin_object().key("resourceSpans").begin_array().begin_object().key("resource");
    write_resource(out, source);
    out.key("scopeSpans").begin_array().begin_object();
    out.key("scope").begin_object().member("name", "dbaas").end_object();
    out.key("spans").begin_array();
    for (const auto& span : spans) write_span(out, span);
    out.end_array().end_object().end_array().end_object().end_array().end_object();
    return text;
}

std::uint64_t rejected_spans(std::string_view response_body) {
    const auto parsed = json::try_parse(response_body);
    const auto* document = parsed ? parsed->if_object() : nullptr;
    if (document == nullptr) return 0;
    const auto& partial = json::object_or_empty(*document, "partialSuccess");
    const auto* count = partial.if_contains("rejectedSpans");
    if (count == nullptr) return 0;
    if (const auto* number = count->if_int64()) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, *number));
    }
    const auto text = json::text_at(partial, "rejectedSpans");
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

base::outcome<http::url> traces_url(std::string_view base, std::string_view traces) {
    auto url = http::parse_url(traces.empty() ? base : traces);
    if (!url) return base::pass(std::move(url));
    if (traces.empty()) url->path += "/v1/traces";
    if (url->path.empty()) url->path = "/";
    return url;
}

bool sampler::samples(const std::optional<obs::trace_context>& parent,
                      const obs::trace_id_bytes& trace_id) const noexcept {
    if (parent && follows_parent) return parent->is_sampled;
    if (ratio >= 1) return true;
    if (ratio <= 0) return false;
    // Level 2 of the recommendation: the last 7 bytes are random.
    std::uint64_t value = 0;
    for (std::size_t i = 9; i < trace_id.size(); ++i) value = value << 8U | trace_id[i];
    return static_cast<double>(value) < ratio * 0x1p56;
}

base::outcome<sampler> parse_sampler(std::string_view name, std::string_view argument) {
    constexpr std::string_view prefix = "parentbased_";
    sampler result{.follows_parent = name.starts_with(prefix)};
    if (result.follows_parent) name.remove_prefix(prefix.size());
    if (name == "always_on") return result;
    if (name == "always_off") {
        result.ratio = 0;
        return result;
    }
    if (name != "traceidratio") {
        return base::fail(errc::invalid,
                          "OTEL_TRACES_SAMPLER: must be one of always_on, always_off, "
                          "traceidratio, parentbased_always_on, parentbased_always_off, "
                          "parentbased_traceidratio");
    }
    if (argument.empty()) return result;
    const std::string text(argument);
    char* end = nullptr;
    result.ratio = std::strtod(text.c_str(), &end);
    const bool is_number = end == text.c_str() + text.size();
    if (is_number && result.ratio >= 0 && result.ratio <= 1) return result;
    return base::fail(errc::invalid, "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1");
}

}  // namespace otlp
