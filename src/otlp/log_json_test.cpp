#include "otlp/log_json.hpp"

#include <gtest/gtest.h>

#include "json/json.hpp"

namespace {

using namespace std::chrono_literals;

TEST(encode_logs, follows_the_json_of_otlp) {
    const otlp::log_record line{
        .time = base::instant(1'800'000'000s),
        .event = "audit",
        .fields = {
            {"actor", "alice"}, {"seq", std::int64_t{7}}, {"is_first", true}, {"share", 0.5}}};
    const auto document = json::parse(otlp::encode_logs({.service_name = "dbaas"}, {line}));
    const auto& group = document.at("resourceLogs").as_array().at(0);
    EXPECT_EQ(json::serialize(group.at("resource")),
              R"({"attributes":[{"key":"service.name","value":{"stringValue":"dbaas"}}]})");
    const auto& scope = group.at("scopeLogs").as_array().at(0);
    EXPECT_EQ(
        json::serialize(scope.at("logRecords").as_array().at(0)),
        R"({"timeUnixNano":"1800000000000000000","observedTimeUnixNano":"1800000000000000000",)"
        R"("severityNumber":9,"severityText":"INFO","body":{"stringValue":"audit"},)"
        R"("attributes":[{"key":"actor","value":{"stringValue":"alice"}},)"
        R"({"key":"seq","value":{"intValue":"7"}},)"
        R"({"key":"is_first","value":{"boolValue":true}},)"
        R"({"key":"share","value":{"doubleValue":5E-1}}]})");
}

TEST(encode_logs, has_the_severities_of_opentelemetry) {
    const auto number_of = [](obs::level severity) {
        const auto document =
            json::parse(otlp::encode_logs({}, {{.severity = severity, .event = "e"}}));
        const auto& group = document.at("resourceLogs").as_array().at(0);
        const auto& scope = group.at("scopeLogs").as_array().at(0);
        return scope.at("logRecords").as_array().at(0).at("severityNumber").as_int64();
    };
    EXPECT_EQ(number_of(obs::level::trace), 1);
    EXPECT_EQ(number_of(obs::level::debug), 5);
    EXPECT_EQ(number_of(obs::level::warning), 13);
    EXPECT_EQ(number_of(obs::level::error), 17);
    EXPECT_EQ(number_of(obs::level::critical), 21);
}

}  // namespace
