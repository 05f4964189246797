#pragma once
// The contract suite of ports::metrics_source. The test of an adapter includes this file and
// instantiates the suite with a factory of metrics_world.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "aio/block_on.hpp"
#include "ports/metrics_source.hpp"
#include "test/support/manual_clock.hpp"

namespace fakes {

// The exporters behind the source. All databases are Redis.
class metrics_world {
  public:
    metrics_world() = default;
    metrics_world(const metrics_world&) = delete;
    metrics_world& operator=(const metrics_world&) = delete;
    virtual ~metrics_world() = default;
    virtual ports::metrics_source& port() = 0;
    // Makes the exporter respond with the first or the second of two pages. The database was active
    // between the two.
    virtual void serve(const std::string& database_id, int page) = 0;
    // Makes the next scrapes fail with a code until serve().
    virtual void fail(const std::string& database_id, base::errc code) = 0;
};

using metrics_world_factory = std::function<std::unique_ptr<metrics_world>(manual_clock&)>;

class metrics_source_contract : public ::testing::TestWithParam<metrics_world_factory> {
  protected:
    using sample = std::shared_ptr<const domain::metrics_sample>;
    void SetUp() override { world_ = GetParam()(clock_); }

    base::outcome<sample> scrape(const std::string& id, std::chrono::seconds timeout = ten) {
        return aio::block_on(world_->port().scrape(
            {.database_id = id, .key = {"shop", "redis", id}, .metrics_port = 9121},
            clock_.now() + timeout));
    }
    // Scrapes two pages 10 s apart.
    base::outcome<sample> scrape_twice(const std::string& id) {
        world_->serve(id, 1);
        auto first = scrape(id);
        if (!first) return first;
        clock_.advance(ten);
        world_->serve(id, 2);
        return scrape(id);
    }
    static bool has_rate(const base::outcome<sample>& result) {
        return result && (*result)->values.has(domain::metric_id::operations_per_second);
    }
    static bool has_gauge(const base::outcome<sample>& result) {
        return result && (*result)->values.has(domain::metric_id::connections_current);
    }

    static constexpr std::chrono::seconds ten{10};
    manual_clock clock_;
    std::unique_ptr<metrics_world> world_;
};

TEST_P(metrics_source_contract, the_first_scrape_returns_gauges_and_the_second_adds_rates) {
    world_->serve("a", 1);
    const auto first = scrape("a");
    EXPECT_TRUE(has_gauge(first));
    EXPECT_FALSE(has_rate(first));
    const auto second = scrape_twice("a");
    ASSERT_TRUE(has_rate(second));
    EXPECT_TRUE(has_gauge(second));
    EXPECT_GT((*second)->values[domain::metric_id::operations_per_second], 0);
    EXPECT_EQ((*second)->observed_at, clock_.utc_now());
}

TEST_P(metrics_source_contract, databases_are_independent) {
    EXPECT_TRUE(has_rate(scrape_twice("a")));
    world_->serve("b", 2);
    EXPECT_FALSE(has_rate(scrape("b")));
}

TEST_P(metrics_source_contract, the_first_scrape_after_forget_has_no_rates) {
    EXPECT_TRUE(has_rate(scrape_twice("a")));
    world_->port().forget("a");
    world_->port().forget("never-scraped");
    clock_.advance(ten);
    EXPECT_FALSE(has_rate(scrape("a")));
    EXPECT_TRUE(has_rate(scrape_twice("a")));
}

TEST_P(metrics_source_contract, scrape_returns_the_error_and_succeeds_after_it) {
    using base::errc;
    EXPECT_TRUE(has_rate(scrape_twice("a")));
    for (const auto code : {errc::timed_out, errc::unavailable, errc::denied, errc::corrupt,
                            errc::limit, errc::not_found}) {
        world_->fail("a", code);
        const auto failed = scrape("a");
        ASSERT_FALSE(failed) << base::name(code);
        EXPECT_EQ(failed.error().code, code) << failed.error().text;
        clock_.advance(ten);
        world_->serve("a", 2);
        EXPECT_TRUE(has_gauge(scrape("a"))) << "after " << base::name(code);
    }
}

TEST_P(metrics_source_contract, rates_span_a_failed_scrape) {
    world_->serve("a", 1);
    EXPECT_TRUE(scrape("a"));
    clock_.advance(ten);
    world_->fail("a", base::errc::corrupt);
    EXPECT_FALSE(scrape("a"));
    clock_.advance(ten);
    world_->serve("a", 2);
    EXPECT_TRUE(has_rate(scrape("a")));
}

TEST_P(metrics_source_contract, scrape_after_the_deadline_is_timed_out) {
    world_->serve("a", 1);
    const auto late = scrape("a", std::chrono::seconds(0));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, base::errc::timed_out);
}

}  // namespace fakes
