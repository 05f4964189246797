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

struct value_writer {
    json::writer& out;

    void operator()(const std::string& value) const { out.member("stringValue", value); }
    void operator()(bool value) const { out.member("boolValue", value); }
    void operator()(double value) const { out.key("doubleValue").number(value); }
    // 64-bit integers are decimal text in the JSON of protocol buffers.
    void operator()(std::int64_t value) const { out.member("intValue", std::to_string(value)); }
};

void write_record(json::writer& out, const log_record& source) {
    const auto severity = name_of(source.severity);
    out.begin_object().member("timeUnixNano", nanoseconds_text(source.time));
    out.member("observedTimeUnixNano", nanoseconds_text(source.time));
    out.member("severityNumber", severity.number).member("severityText", severity.text);
    out.key("body").begin_object().member("stringValue", source.event).end_object();
    out.key("attributes").begin_array();
    for (const auto& [key, value] : source.fields) {
        out.begin_object().member("key", key).key("value").begin_object();
        std::visit(value_writer{out}, value);
        out.end_object().end_object();
    }
    out.end_array().end_object();
}

}  // namespace

std::string encode_logs(const resource& source, const std::vector<log_record>& records) {
    std::string text;
    json::writer out(text);
    out.begin_object().key("resourceLogs").begin_array().begin_object().key("resource");
    write_resource(out, source);
    out.key("scopeLogs").begin_array().begin_object();
    out.key("scope").begin_object().member("name", "dbaas").end_object();
    out.key("logRecords").begin_array();
    for (const auto& record : records) write_record(out, record);
    out.end_array().end_object().end_array().end_object().end_array().end_object();
    return text;
}

}  // namespace otlp
