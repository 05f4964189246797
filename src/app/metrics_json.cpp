#include "app/metrics_json.hpp"

#include <algorithm>
#include <array>

#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::int64_t format_version = 1;
constexpr std::array all_states{metrics_state::pending, metrics_state::fresh, metrics_state::stale,
                                metrics_state::unavailable};

void write_sample(json::writer& out, const domain::metrics_sample& sample) {
    out.member("observed_at", base::to_rfc3339_micro(sample.observed_at));
    out.key("values").begin_object();
    for (const auto& metric : domain::all_metrics()) {
        if (sample.values.has(metric.id)) out.key(metric.name).number(sample.values[metric.id]);
    }
    out.end_object();
    out.key("engine_metrics").begin_object();
    for (const auto& [name, value] : sample.engine_metrics) out.key(name).number(value);
    out.end_object();
}

std::optional<double> number_of(const json::value& value) {
    if (const auto* whole = value.if_int64()) return static_cast<double>(*whole);
    if (const auto* large = value.if_uint64()) return static_cast<double>(*large);
    if (const auto* number = value.if_double()) return *number;
    return std::nullopt;
}

base::outcome<std::shared_ptr<const domain::metrics_sample>> read_sample(
    const json::object& source) {
    auto sample = std::make_shared<domain::metrics_sample>();
    const auto observed_at = base::from_rfc3339(json::text_at(source, "observed_at"));
    if (!observed_at) return base::fail(errc::corrupt, "observed_at: not an RFC 3339 timestamp");
    sample->observed_at = *observed_at;
    for (const auto& [name, value] : json::object_or_empty(source, "values")) {
        const auto* metric = domain::find_metric(name);
        const auto number = number_of(value);
        if (metric != nullptr && number) sample->values[metric->id] = *number;
    }
    for (const auto& [name, value] : json::object_or_empty(source, "engine_metrics")) {
        const auto number = number_of(value);
        if (number) sample->engine_metrics.emplace_back(std::string(name), *number);
    }
    std::ranges::sort(sample->engine_metrics);
    return sample;
}

}  // namespace

std::string encode(const stored_metrics& source) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("v", format_version).member("state", name(source.state));
    if (!source.reason.empty()) out.member("reason", source.reason);
    if (!source.message.empty()) out.member("message", source.message);
    if (source.sample) {
        out.key("sample").begin_object();
        write_sample(out, *source.sample);
        out.end_object();
    }
    out.end_object();
    return text;
}

base::outcome<stored_metrics> decode_metrics(std::string_view text) {
    const auto document = json::try_parse(text);
    const auto* object = document ? document->if_object() : nullptr;
    if (object == nullptr) return base::fail(errc::corrupt, "not a JSON object");
    if (json::number_at(*object, "v") != format_version) {
        return base::fail(errc::corrupt, "v: another format");
    }
    stored_metrics result{.reason = std::string(json::text_at(*object, "reason")),
                          .message = std::string(json::text_at(*object, "message"))};
    const auto word = json::text_at(*object, "state");
    const auto* state = std::ranges::find_if(
        all_states, [word](metrics_state candidate) { return name(candidate) == word; });
    if (state == all_states.end()) return base::fail(errc::corrupt, "state: unknown");
    result.state = *state;
    if (const auto* sample = json::object_at(*object, "sample")) {
        auto parsed = read_sample(*sample);
        if (!parsed) return base::pass(std::move(parsed), "sample");
        result.sample = std::move(*parsed);
    }
    return result;
}

}  // namespace app
