#include "sentry/envelope.hpp"

#include <gtest/gtest.h>

#include "json/json.hpp"

namespace {

using namespace std::chrono_literals;

TEST(parse_dsn, reads_key_server_and_project) {
    const auto parsed = sentry::parse_dsn(base::secret("https://abc123@o1.example.com/42"));
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->public_key, "abc123");
    EXPECT_EQ(parsed->server.host, "o1.example.com");
    EXPECT_EQ(parsed->server.port, 443);
    EXPECT_EQ(parsed->server.path, "/api/42/envelope/");
    const auto own = sentry::parse_dsn(base::secret("http://key:old@localhost:9000/sentry/7"));
    ASSERT_TRUE(own) << own.error().text;
    EXPECT_EQ(own->public_key, "key");
    EXPECT_EQ(own->server.path, "/sentry/api/7/envelope/");
}

TEST(parse_dsn, rejects_other_texts_without_repeating_them) {
    for (const std::string text :
         {"", "k3y", "https://example.com/1", "https://@example.com/1", "https://k3y@example.com",
          "https://k3y@example.com/", "https://k3y@/1", "ftp://k3y@example.com/1"}) {
        const auto parsed = sentry::parse_dsn(base::secret(text));
        ASSERT_FALSE(parsed) << text;
        EXPECT_FALSE(parsed.error().text.contains("k3y")) << text;
    }
}

TEST(encode_report, is_an_envelope_with_the_length_of_its_item) {
    const sentry::report source{
        .id = std::string(32, 'a'),
        .cause = {.time = base::instant(1'800'000'000s),
                  .level = "error",
                  .event = "store_failed",
                  .fields = {{"code", "unavailable"}, {"detail", "disk full"}}},
        .before = {{.level = "warning", .event = "scrape_failed", .fields = {{"reason", "x"}}}},
        .release = "1.0",
        .environment = "production",
        .server_name = "pod-1",
        .repeated = 3};
    const auto text = sentry::encode(source, base::instant(1'800'000'001s));
    const auto first = text.find('\n');
    const auto second = text.find('\n', first + 1);
    const auto header = json::parse(text.substr(0, first));
    const auto item = json::parse(text.substr(first + 1, second - first - 1));
    EXPECT_EQ(header.at("event_id").as_string(), source.id);
    EXPECT_EQ(item.at("type").as_string(), "event");
    const auto payload = text.substr(second + 1, text.size() - second - 2);
    EXPECT_EQ(item.at("length").as_int64(), static_cast<std::int64_t>(payload.size()));
    const auto event = json::parse(payload);
    EXPECT_EQ(event.at("logentry").at("formatted").as_string(), "store_failed: disk full");
    EXPECT_EQ(event.at("fingerprint").as_array().size(), 2U);
    EXPECT_EQ(event.at("breadcrumbs").at("values").as_array().size(), 1U);
    EXPECT_EQ(event.at("tags").at("code").as_string(), "unavailable");
    EXPECT_EQ(event.at("contexts").at("repetition").at("count").as_int64(), 3);
}

TEST(scrubbed, masks_credentials) {
    EXPECT_EQ(sentry::scrubbed("user_password", "x"), "[Filtered]");
    EXPECT_EQ(sentry::scrubbed("Authorization", "x"), "[Filtered]");
    EXPECT_EQ(sentry::scrubbed("detail", "no mongodb://u:p@h/d, https://k@h"),
              "no mongodb://[Filtered]@h/d, https://[Filtered]@h");
    EXPECT_EQ(sentry::scrubbed("detail", "key dbk_abc_def!"), "key [Filtered]!");
    EXPECT_EQ(sentry::scrubbed("detail", "Bearer abc.d-f "), "[Filtered] ");
    EXPECT_EQ(sentry::scrubbed("detail", "a@b, https://host/a@b"), "a@b, https://host/a@b");
    EXPECT_EQ(sentry::scrubbed("detail", std::string(5000, 'x')).size(), 1024U);
}

TEST(rate_limits, read_the_headers_of_the_server) {
    const base::steady_time start{};
    const auto pause = [&](unsigned status, http::headers headers) {
        sentry::rate_limits limits;
        limits.update(status, headers, start);
        EXPECT_EQ(limits.allow(start), limits.wait(start) == 0s);
        return std::chrono::duration_cast<std::chrono::seconds>(limits.wait(start));
    };
    EXPECT_EQ(sentry::rate_limits().wait(start + 1h), 0s);
    EXPECT_EQ(pause(200, {}), 0s);
    EXPECT_EQ(pause(429, {}), 60s);
    EXPECT_EQ(pause(429, {{"Retry-After", "7"}}), 7s);
    EXPECT_EQ(pause(200, {{"X-Sentry-Rate-Limits", "60:transaction:key"}}), 0s);
    EXPECT_EQ(
        pause(200, {{"X-Sentry-Rate-Limits", "60:transaction:key, 2700:default;error;x:org"}}),
        2700s);
    EXPECT_EQ(pause(200, {{"X-Sentry-Rate-Limits", "30::organization"}}), 30s);
    EXPECT_EQ(pause(429, {{"X-Sentry-Rate-Limits", "x:error:key"}}), 60s);
}

}  // namespace
