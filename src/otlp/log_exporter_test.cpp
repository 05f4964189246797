#include "otlp/log_exporter.hpp"

#include <gtest/gtest.h>

#include "test/support/fake_collector.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/recording_log.hpp"
#include "test/support/run_until.hpp"

namespace {

// The sender is that of the spans: span_exporter_test.
class log_exporter : public testing::Test {
  protected:
    base::outcome<void> flush() {
        return fakes::run_until_done<void>(loop_, [this] { return exporter_.flush(); });
    }
    std::uint64_t counted(std::string_view name) {
        return registry_.make_counter(name, "").value();
    }

    fakes::collector collector_;
    fakes::manual_clock clock_;
    fakes::recording_log log_;
    obs::registry registry_;
    aio::loop loop_;
    otlp::log_exporter exporter_{
        {.server = collector_.url("/v1/logs"), .queue_max = 2}, clock_, registry_, log_};
};

TEST_F(log_exporter, sends_lines_with_their_fields) {
    exporter_.info("audit", {{"actor", "alice"},
                             {"seq", 7U},
                             {"is_first", true},
                             {"share", 0.5},
                             {"", "omitted"},
                             {"key", base::secret("s3cret")}});
    EXPECT_EQ(exporter_.queued(), 1U);
    ASSERT_TRUE(flush());
    const auto requests = collector_.requests();
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].target, "/v1/logs");
    const auto& body = requests[0].body;
    for (const auto* text :
         {R"("stringValue":"audit")", R"("key":"actor","value":{"stringValue":"alice"})",
          R"("key":"seq","value":{"intValue":"7"})", R"("boolValue":true)",
          R"("doubleValue":0.5)"}) {
        EXPECT_TRUE(body.contains(text)) << text;
    }
    EXPECT_FALSE(body.contains("omitted"));
    EXPECT_FALSE(body.contains("s3cret"));
    EXPECT_EQ(counted("dbaas_log_lines_exported_total"), 1U);
}

TEST_F(log_exporter, counts_lines_that_do_not_fit_and_those_that_the_collector_rejects) {
    for (const auto* actor : {"a", "b", "c"}) exporter_.info("audit", {{"actor", actor}});
    EXPECT_EQ(counted("dbaas_log_lines_export_dropped_total"), 1U);
    collector_.respond_first({{.body = R"({"partialSuccess":{"rejectedLogRecords":"1"}})"}});
    ASSERT_TRUE(flush());
    EXPECT_EQ(counted("dbaas_log_lines_exported_total"), 1U);
    EXPECT_EQ(counted("dbaas_log_lines_export_dropped_total"), 2U);
    EXPECT_EQ(log_.lines_of("logs_rejected").size(), 1U);
}

}  // namespace
