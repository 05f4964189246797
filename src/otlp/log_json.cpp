#include "otlp/log_json.hpp"

#include <string_view>

namespace otlp {
namespace {

struct severity_name {
    int number;  // of the data model of OpenTelemetry
    std::string_view text;
};

severity_name name_of(obs::level severity) noexcept {
    switch (severity) {
        case obs::level::trace:
            return {.number = 1, .text = "TRACE"};
        case obs::level::debug:
            return {.number = 5, .text = "DEBUG"};
        case obs::level::warning:
            return {.number = 13, .text = "WARNING"};
        case obs::level::error:
            return {.number = 17, .text = "ERROR"};
        case obs::level::critical:
            return {.number = 21, .text = "CRITICAL"};
        case obs::level::info:
        case obs::level::off:
            break;
    }
    return {.number = 9, .text = "INFO"};
}

void write_record(json::writer& out, const log_record& source) {
    const auto severity = name_of(source.severity);
    out.begin_object().member("timeUnixNano", nanoseconds_text(source.time));
    out.member("observedTimeUnixNano", nanoseconds_text(source.time));
    out.member("severityNumber", severity.number).member("severityText", severity.text);
    out.key("body").begin_object().member("stringValue", source.event).end_object();
    out.key("attributes").begin_array();
    for (const auto& [key, value] : source.fields) {
        std::visit([&](const auto& known) { write_attribute(out, key, known); }, value);
    }
    out.end_array().end_object();
}

}  // namespace

std::string encode_logs(const resource& source, const std::vector<log_record>& records) {
    return encode_group(source,
                        {.resource = "resourceLogs", .scope = "scopeLogs", .items = "logRecords"},
                        records, write_record);
}

}  // namespace otlp
