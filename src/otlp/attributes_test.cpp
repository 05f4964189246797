#include "otlp/attributes.hpp"

#include <gtest/gtest.h>

namespace {

TEST(rejected_items, reads_a_number_or_decimal_text) {
    const auto rejected = [](std::string_view body) {
        return otlp::rejected_items(body, "rejectedSpans");
    };
    EXPECT_EQ(rejected("{}"), 0U);
    EXPECT_EQ(rejected(""), 0U);
    EXPECT_EQ(rejected(R"({"partialSuccess":{}})"), 0U);
    EXPECT_EQ(rejected(R"({"partialSuccess":{"rejectedSpans":"7"}})"), 7U);
    EXPECT_EQ(rejected(R"({"partialSuccess":{"rejectedSpans":7}})"), 7U);
}

TEST(parse_attributes, reads_a_list_with_escapes) {
    EXPECT_EQ(*otlp::parse_attributes(" a=1, b = x%2Cy=z ,"),
              (otlp::attribute_list{{"a", "1"}, {"b", "x,y=z"}}));
    EXPECT_TRUE(otlp::parse_attributes("")->empty());
    for (const auto* text : {"s3cret", "=s3cret", "a=s3cret%zz"}) {
        const auto parsed = otlp::parse_attributes(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_FALSE(parsed.error().text.contains("s3cret"));
    }
}

TEST(parse_headers, rejects_texts_that_no_header_may_have) {
    EXPECT_EQ(*otlp::parse_headers("Authorization=Basic%20YTpi,x-tenant=1"),
              (otlp::attribute_list{{"Authorization", "Basic YTpi"}, {"x-tenant", "1"}}));
    for (const auto* text : {"a b=s3cret", "a=s3cret%0d%0aHost:%20b", "a=s3cret%7f"}) {
        const auto parsed = otlp::parse_headers(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_FALSE(parsed.error().text.contains("s3cret"));
    }
}

TEST(signal_url, extends_the_base_alone) {
    const auto path_of = [](std::string_view base, std::string_view whole) {
        return otlp::signal_url(base, whole, "/v1/traces")->path;
    };
    EXPECT_EQ(path_of("http://collector:4318", ""), "/v1/traces");
    EXPECT_EQ(path_of("http://collector:4318/", ""), "/v1/traces");
    EXPECT_EQ(path_of("http://collector:4318/otlp/", ""), "/otlp/v1/traces");
    EXPECT_EQ(path_of("http://collector:4318", "https://other/spans"), "/spans");
    EXPECT_EQ(path_of("", "https://other"), "/");
    EXPECT_FALSE(otlp::signal_url("collector:4318", "", "/v1/traces"));
}

}  // namespace
