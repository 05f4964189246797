#include "obs/trace.hpp"

#include <gtest/gtest.h>

namespace {

constexpr std::string_view sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// Samples every span, and keeps the ended ones.
class keeping_tracer final : public obs::tracer {
  public:
    [[nodiscard]] bool is_enabled() const noexcept override { return true; }
    [[nodiscard]] obs::trace_context start(
        const std::optional<obs::trace_context>& parent) noexcept override {
        obs::trace_context context;
        context.trace_id = parent ? parent->trace_id : obs::trace_id_bytes{1};
        context.span_id[0] = ++started;
        context.is_sampled = true;
        return context;
    }
    void finish(obs::span ended) noexcept override { spans.push_back(std::move(ended)); }
    unsigned char started = 0;
    std::vector<obs::span> spans;
};

TEST(traceparent, round_trips) {
    const auto context = obs::parse_traceparent(sampled);
    ASSERT_TRUE(context);
    EXPECT_TRUE(context->is_sampled);
    EXPECT_EQ(obs::to_traceparent(*context), sampled);
    EXPECT_EQ(obs::hex_text(context->trace_id), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(obs::hex_text(context->span_id), "b7ad6b7169203331");
}

TEST(traceparent, reads_the_flag_sampled_alone) {
    const auto flags_of = [](std::string_view flags) {
        return obs::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" +
                                      std::string(flags));
    };
    EXPECT_FALSE(flags_of("00")->is_sampled);
    EXPECT_TRUE(flags_of("03")->is_sampled);
    EXPECT_FALSE(flags_of("fe")->is_sampled);
    EXPECT_FALSE(flags_of("0x"));
}

TEST(traceparent, accepts_later_versions_with_further_parts) {
    const std::string later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    EXPECT_TRUE(obs::parse_traceparent(later));
    EXPECT_TRUE(obs::parse_traceparent(later + "-further"));
    EXPECT_FALSE(obs::parse_traceparent(later + ".further"));
}

TEST(traceparent, rejects_other_texts) {
    for (const std::string_view text :
         {"", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
          "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
          "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
          "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
        EXPECT_FALSE(obs::parse_traceparent(text)) << text;
    }
}

TEST(trace_field, is_omitted_without_a_trace) {
    const obs::trace_field none{obs::trace_context{}};
    EXPECT_EQ(none.value().key(), "");
    const obs::trace_field known(*obs::parse_traceparent(sampled));
    EXPECT_EQ(known.value().key(), "trace_id");
    EXPECT_EQ(std::get<std::string_view>(known.value().value()),
              "0af7651916cd43dd8448eb211c80319c");
}

TEST(null_tracer, samples_nothing) {
    EXPECT_FALSE(obs::null_tracer().is_enabled());
    EXPECT_FALSE(obs::null_tracer().start(obs::parse_traceparent(sampled)).is_sampled);
}

TEST(active_span, reports_a_child_of_a_sampled_parent) {
    keeping_tracer tracer;
    const auto parent = obs::parse_traceparent(sampled);
    {
        obs::active_span span(tracer, base::system_clock(), parent,
                              {.kind = obs::span_kind::client, .name = "put", .object = "rows"});
        span.add("kind", "text");
        span.add("count", 3);
        span.fail("unavailable");
        EXPECT_EQ(span.child_parent()->trace_id, parent->trace_id);
        EXPECT_TRUE(tracer.spans.empty());
    }
    ASSERT_EQ(tracer.spans.size(), 1U);
    const auto& ended = tracer.spans[0];
    EXPECT_EQ(ended.name, "put rows");
    EXPECT_EQ(ended.context.trace_id, parent->trace_id);
    EXPECT_EQ(ended.parent_id, parent->span_id);
    EXPECT_NE(ended.context.span_id, parent->span_id);
    EXPECT_EQ(ended.status, obs::span_status::error);
    EXPECT_EQ(ended.attributes.size(), 2U);
    EXPECT_EQ(ended.numbers.size(), 1U);
    EXPECT_GE(ended.duration.count(), 0);
}

TEST(active_span, is_inactive_without_a_sampled_parent) {
    keeping_tracer tracer;
    auto unsampled = *obs::parse_traceparent(sampled);
    unsampled.is_sampled = false;
    for (const auto& parent :
         {std::optional<obs::trace_context>(), std::optional<obs::trace_context>(unsampled)}) {
        obs::active_span span(tracer, base::system_clock(), parent, {.name = "work"});
        span.add("kind", "text");
        EXPECT_FALSE(span.is_active());
        EXPECT_FALSE(span.child_parent());
    }
    EXPECT_EQ(tracer.started, 0);
    EXPECT_TRUE(tracer.spans.empty());
}

TEST(active_span, starts_a_trace_if_the_sampler_selects_it) {
    keeping_tracer tracer;
    {
        const obs::active_span root(tracer, base::system_clock(), {.name = "scrape"});
    }
    ASSERT_EQ(tracer.spans.size(), 1U);
    EXPECT_EQ(tracer.spans[0].parent_id, obs::span_id_bytes{});
    const obs::active_span none(obs::null_tracer(), base::system_clock(), {.name = "scrape"});
    EXPECT_FALSE(none.is_active());
}

}  // namespace
