#include "otlp/span_json.hpp"

#include <gtest/gtest.h>

#include "json/json.hpp"

namespace {

using namespace std::chrono_literals;

TEST(encode_spans, follows_the_json_of_otlp) {
    obs::span span{.kind = obs::span_kind::server,
                   .name = "GET /api/v1/databases",
                   .start = base::instant(1'800'000'000s),
                   .duration = 1'500us,
                   .status = obs::span_status::error,
                   .attributes = {{"http.route", "/api/v1/databases"}},
                   .numbers = {{"http.response.status_code", 503}}};
    span.context.trace_id.fill(0xab);
    span.context.span_id.fill(0x01);
    auto child = span;
    child.parent_id = span.context.span_id;
    child.status = obs::span_status::unset;
    const auto document = json::parse(otlp::encode_spans(
        {.service_name = "dbaas", .attributes = {{"k", "v"}, {"service.name", "other"}}},
        {span, child}));
    const auto& group = document.at("resourceSpans").as_array().at(0);
    EXPECT_EQ(json::serialize(group.at("resource")),
              R"({"attributes":[{"key":"service.name","value":{"stringValue":"dbaas"}},)"
              R"({"key":"k","value":{"stringValue":"v"}}]})");
    const auto& items = group.at("scopeSpans").as_array().at(0).at("spans").as_array();
    const auto& item = items.at(0);
    EXPECT_EQ(item.at("traceId").as_string(), "abababababababababababababababab");
    EXPECT_EQ(item.at("spanId").as_string(), "0101010101010101");
    EXPECT_FALSE(item.as_object().contains("parentSpanId"));
    EXPECT_EQ(item.at("kind").as_int64(), 2);
    EXPECT_EQ(item.at("startTimeUnixNano").as_string(), "1800000000000000000");
    EXPECT_EQ(item.at("endTimeUnixNano").as_string(), "1800000000001500000");
    EXPECT_EQ(item.at("status").at("code").as_int64(), 2);
    EXPECT_EQ(item.at("attributes").as_array().at(1).at("value").at("intValue").as_string(), "503");
    EXPECT_EQ(items.at(1).at("parentSpanId").as_string(), "0101010101010101");
    EXPECT_TRUE(items.at(1).at("status").as_object().empty());
}

TEST(sampler, decides_by_parent_and_ratio) {
    const obs::trace_context sampled{.is_sampled = true};
    const obs::trace_context unsampled;
    const auto samples = [](std::string_view name, std::string_view argument,
                            const std::optional<obs::trace_context>& parent) {
        obs::trace_id_bytes trace_id;
        trace_id.fill(0x7f);
        return otlp::parse_sampler(name, argument)->samples(parent, trace_id);
    };
    EXPECT_TRUE(samples("parentbased_always_on", "", std::nullopt));
    EXPECT_FALSE(samples("parentbased_always_on", "", unsampled));
    EXPECT_TRUE(samples("parentbased_always_off", "", sampled));
    EXPECT_FALSE(samples("parentbased_always_off", "", std::nullopt));
    EXPECT_TRUE(samples("always_on", "", unsampled));
    EXPECT_FALSE(samples("always_off", "", sampled));
    EXPECT_TRUE(samples("traceidratio", "0.5", std::nullopt));
    EXPECT_FALSE(samples("traceidratio", "0.49", std::nullopt));
    EXPECT_FALSE(samples("traceidratio", "0", sampled));
    EXPECT_TRUE(samples("traceidratio", "", unsampled));
    EXPECT_TRUE(samples("parentbased_traceidratio", "0", sampled));
    EXPECT_FALSE(samples("parentbased_traceidratio", "0", std::nullopt));
}

TEST(sampler, rejects_unknown_names_and_arguments) {
    EXPECT_FALSE(otlp::parse_sampler("sometimes", ""));
    EXPECT_FALSE(otlp::parse_sampler("parentbased_", ""));
    for (const auto* argument : {"1.5", "-0.1", "x", "nan", "0.5x", " "}) {
        EXPECT_FALSE(otlp::parse_sampler("traceidratio", argument)) << argument;
    }
}

}  // namespace
