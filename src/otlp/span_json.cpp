#include "otlp/span_json.hpp"

#include <cstdlib>

#include "json/json_writer.hpp"

namespace otlp {
namespace {

using base::errc;

void write_span(json::writer& out, const obs::span& source) {
    out.begin_object().member("traceId", obs::hex_text(source.context.trace_id));
    out.member("spanId", obs::hex_text(source.context.span_id));
    if (source.parent_id != obs::span_id_bytes{}) {
        out.member("parentSpanId", obs::hex_text(source.parent_id));
    }
    out.member("flags", 1).member("name", source.name).member("kind", int(source.kind));
    out.member("startTimeUnixNano", nanoseconds_text(source.start));
    out.member("endTimeUnixNano", nanoseconds_text(source.start, source.duration));
    out.key("attributes").begin_array();
    for (const auto& [key, value] : source.attributes) write_attribute(out, key, value);
    for (const auto& [key, value] : source.numbers) write_attribute(out, key, value);
    out.end_array().key("status").begin_object();
    if (source.status != obs::span_status::unset) out.member("code", int(source.status));
    out.end_object().end_object();
}

}  // namespace

std::string encode_spans(const resource& source, const std::vector<obs::span>& spans) {
    return encode_group(source,
                        {.resource = "resourceSpans", .scope = "scopeSpans", .items = "spans"},
                        spans, write_span);
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
