#include "app/metrics_json.hpp"

#include <gtest/gtest.h>

namespace {

using domain::metric_id;

TEST(metrics_json, decodes_what_it_encodes) {
    auto sample = std::make_shared<domain::metrics_sample>();
    sample->observed_at = base::instant(std::chrono::microseconds(1'764'000'000'123'456));
    sample->values[metric_id::up] = 1;
    sample->values[metric_id::cache_hit_ratio] = 0.987654321;
    sample->values[metric_id::memory_used_bytes] = 1e15;
    sample->engine_metrics = {{"redis_evicted_keys_total", 3}, {"redis_keys \"x\"", -0.5}};
    const app::stored_metrics source{.sample = sample,
                                     .state = app::metrics_state::stale,
                                     .reason = "timed_out",
                                     .message = "no response \"in\" 10 s"};
    const auto result = app::decode_metrics(app::encode(source));
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->state, source.state);
    EXPECT_EQ(result->reason, source.reason);
    EXPECT_EQ(result->message, source.message);
    ASSERT_TRUE(result->sample);
    EXPECT_EQ(result->sample->observed_at, sample->observed_at);
    EXPECT_EQ(result->sample->engine_metrics, sample->engine_metrics);
    for (const auto& metric : domain::all_metrics()) {
        EXPECT_EQ(result->sample->values.has(metric.id), sample->values.has(metric.id));
        if (sample->values.has(metric.id)) {
            EXPECT_EQ(result->sample->values[metric.id], sample->values[metric.id]) << metric.name;
        }
    }
}

TEST(metrics_json, a_database_without_a_sample_has_a_state) {
    const auto result = app::decode_metrics(app::encode(
        {.sample = nullptr, .state = app::metrics_state::unavailable, .reason = "not_running"}));
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->sample, nullptr);
    EXPECT_EQ(result->reason, "not_running");
}

TEST(metrics_json, skips_metrics_of_a_newer_program) {
    const auto result = app::decode_metrics(
        R"({"v":1,"state":"fresh","sample":{"observed_at":"2026-01-01T00:00:00Z",)"
        R"("values":{"future.metric":1,"up":"text"},"engine_metrics":{"a":null}}})");
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_TRUE(result->sample->engine_metrics.empty());
}

TEST(metrics_json, another_text_is_corrupt) {
    for (const auto* text : {"", "[]", "{}", R"({"v":2,"state":"fresh"})", R"({"v":1})",
                             R"({"v":1,"state":"fresh","sample":{"observed_at":"today"}})"}) {
        const auto result = app::decode_metrics(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error().code, base::errc::corrupt);
    }
}

}  // namespace
