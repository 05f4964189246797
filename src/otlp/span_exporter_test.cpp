#include "otlp/span_exporter.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "test/support/fake_collector.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/run_until.hpp"

namespace {

using namespace std::chrono_literals;

class span_exporter : public testing::Test {
  public:
    span_exporter() {
        options_.server = collector_.url("/v1/traces");
        options_.headers = {{"Authorization", base::secret("Bearer s3cret")}};
        options_.resource = {.service_name = "dbaas", .service_version = "1"};
    }
    ~span_exporter() override {
        if (!exporter_) return;
        tasks_.cancel();
        std::ignore = fakes::run_until_done<void>(loop_, [this] { return tasks_.join(); });
    }

  protected:
    void start() {
        exporter_.emplace(options_, sampler_, clock_, registry_, log_);
        tasks_.spawn([this] { return exporter_->run(); });
        loop_.poll();
    }
    void finish_span(std::string name) {
        obs::span ended{.context = exporter_->start(std::nullopt), .name = std::move(name)};
        exporter_->finish(std::move(ended));
    }
    bool run_until(const std::function<bool()>& condition) {
        return fakes::run_until(loop_, condition, 60s);
    }
    bool receives(std::size_t count) {
        return run_until([&] { return collector_.requests().size() == count; });
    }
    bool sleeps() {
        return run_until([this] { return clock_.sleepers() > 0; });
    }
    // Ends the pause before the next batch.
    void pass_delay() {
        EXPECT_TRUE(sleeps());
        clock_.advance(options_.batch_delay);
    }
    std::uint64_t counted(std::string_view name) {
        return registry_.make_counter(name, "").value();
    }

    fakes::collector collector_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    obs::registry registry_;
    otlp::exporter_options options_;
    otlp::sampler sampler_;
    aio::loop loop_;
    aio::task_group tasks_{loop_.executor()};
    std::optional<otlp::span_exporter> exporter_;
};

TEST_F(span_exporter, sends_the_waiting_spans_in_one_request) {
    start();
    finish_span("first");
    finish_span("second");
    EXPECT_EQ(exporter_->queued(), 2U);
    pass_delay();
    ASSERT_TRUE(receives(1));
    const auto request = collector_.requests()[0];
    EXPECT_EQ(request.target, "/v1/traces");
    EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer s3cret");
    EXPECT_TRUE(request.body.contains("\"first\""));
    EXPECT_TRUE(request.body.contains("\"second\""));
    EXPECT_TRUE(run_until([&] { return counted("dbaas_spans_exported_total") == 2; }));
}

TEST_F(span_exporter, sends_a_full_batch_without_a_delay) {
    options_.batch_max = 2;
    start();
    ASSERT_TRUE(sleeps());
    finish_span("first");
    finish_span("second");
    EXPECT_TRUE(receives(1));
}

TEST_F(span_exporter, sends_the_same_batch_again_after_retry_after) {
    collector_.respond_first({{.status = 429, .retry_after = "7"}, {.status = 503}});
    start();
    finish_span("first");
    pass_delay();
    ASSERT_TRUE(receives(1));
    ASSERT_TRUE(sleeps());
    finish_span("second");
    clock_.advance(6s);
    loop_.poll();
    EXPECT_EQ(collector_.requests().size(), 1U);
    clock_.advance(1s);
    ASSERT_TRUE(receives(2));
    ASSERT_TRUE(sleeps());
    clock_.advance(30s);
    ASSERT_TRUE(receives(4));
    const auto requests = collector_.requests();
    EXPECT_EQ(requests[0].body, requests[1].body);
    EXPECT_EQ(requests[0].body, requests[2].body);
    EXPECT_TRUE(requests[3].body.contains("\"second\""));
    EXPECT_TRUE(run_until([&] { return counted("dbaas_spans_exported_total") == 2; }));
    EXPECT_EQ(counted("dbaas_spans_dropped_total"), 0U);
    EXPECT_EQ(log_.lines_of("traces_not_exported").size(), 1U);
}

TEST_F(span_exporter, drops_a_batch_that_the_collector_rejects) {
    collector_.respond_first({{.status = 400, .body = "bad"}, {.status = 500}});
    start();
    for (const std::size_t request : {1U, 2U, 3U}) {
        finish_span("span");
        pass_delay();
        ASSERT_TRUE(receives(request));
    }
    EXPECT_TRUE(run_until([&] { return counted("dbaas_spans_exported_total") == 1; }));
    EXPECT_EQ(counted("dbaas_spans_dropped_total"), 2U);
    EXPECT_EQ(log_.lines_of("traces_rejected").size(), 2U);
    for (const auto& line : log_.lines()) EXPECT_FALSE(line.contains("s3cret")) << line;
}

TEST_F(span_exporter, counts_the_spans_of_a_partial_success) {
    collector_.respond_first({{.body = R"({"partialSuccess":{"rejectedSpans":"1"}})"}});
    start();
    finish_span("first");
    finish_span("second");
    pass_delay();
    ASSERT_TRUE(receives(1));
    EXPECT_TRUE(run_until([&] { return counted("dbaas_spans_exported_total") == 1; }));
    EXPECT_EQ(counted("dbaas_spans_dropped_total"), 1U);
}

TEST_F(span_exporter, drops_and_counts_spans_that_do_not_fit) {
    options_.queue_max = 2;
    start();
    for (int i = 0; i < 5; ++i) finish_span("span");
    EXPECT_EQ(exporter_->queued(), 2U);
    EXPECT_EQ(counted("dbaas_spans_dropped_total"), 3U);
}

TEST_F(span_exporter, keeps_spans_while_the_collector_is_away) {
    collector_.stop();
    start();
    finish_span("first");
    pass_delay();
    EXPECT_TRUE(run_until([&] { return !log_.lines_of("traces_not_exported").empty(); }));
    finish_span("second");
    EXPECT_EQ(exporter_->queued(), 1U);
    EXPECT_EQ(counted("dbaas_spans_dropped_total"), 0U);
}

TEST_F(span_exporter, flush_sends_what_waits) {
    options_.batch_max = 2;
    start();
    tasks_.cancel();
    ASSERT_TRUE(fakes::run_until_done<void>(loop_, [this] { return tasks_.join(); }));
    for (int i = 0; i < 3; ++i) finish_span("span");
    const auto flushed = fakes::run_until_done<void>(loop_, [this] { return exporter_->flush(); });
    ASSERT_TRUE(flushed) << flushed.error().text;
    EXPECT_EQ(collector_.requests().size(), 2U);
    EXPECT_EQ(exporter_->queued(), 0U);
}

TEST_F(span_exporter, starts_spans_in_the_trace_of_the_parent) {
    sampler_ = {.follows_parent = true, .ratio = 0};
    start();
    const auto parent =
        obs::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const auto child = exporter_->start(parent);
    EXPECT_EQ(child.trace_id, parent->trace_id);
    EXPECT_NE(child.span_id, parent->span_id);
    EXPECT_TRUE(child.is_sampled);
    const auto first = exporter_->start(std::nullopt);
    const auto second = exporter_->start(std::nullopt);
    EXPECT_FALSE(first.is_sampled);
    EXPECT_NE(first.trace_id, second.trace_id);
    EXPECT_EQ(first.span_id, obs::span_id_bytes{});
}

}  // namespace
