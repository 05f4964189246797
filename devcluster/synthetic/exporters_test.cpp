#include "devcluster/synthetic/exporters.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"

namespace synthetic {
namespace {

using namespace std::chrono_literals;

class exporters : public testing::Test {
  protected:
    exporters() { all_.add_engine("redis"); }
    std::string page(exporter& source, bool is_unavailable = false) {
        auto scraped = all_.scrape(source, "redis", is_unavailable);
        return scraped.outgoing.response.body.to_string();
    }
    fakes::manual_clock clock_;
    synthetic::exporters all_{clock_};
};

TEST_F(exporters, injects_a_fault_into_the_same_share_each_time) {
    all_.set_faults({.parts = {{scrape_fault::hung, 0.25}}});
    std::size_t hung = 0;
    for (std::uint64_t number = 0; number < 1000; ++number) {
        exporter each{.number = number};
        const bool first = all_.scrape(each, "redis", false).hangs;
        EXPECT_EQ(all_.scrape(each, "redis", false).hangs, first);
        hung += first ? 1 : 0;
    }
    EXPECT_GT(hung, 200U);
    EXPECT_LT(hung, 300U);
}

TEST_F(exporters, injects_each_fault) {
    exporter source{.number = 5};
    const auto whole = page(source);
    EXPECT_NE(whole.find("redis_up 1"), std::string::npos);
    EXPECT_EQ(page(source, true).find("redis_up 1"), std::string::npos);
    all_.set_faults({.parts = {{scrape_fault::truncated, 1}}});
    EXPECT_EQ(page(source).size(), whole.size() / 2);
    all_.set_faults({.parts = {{scrape_fault::garbage, 1}}});
    EXPECT_EQ(page(source).front(), '\x01');
    all_.set_faults({.parts = {{scrape_fault::oversized, 1}}});
    EXPECT_GT(page(source).size(), std::size_t(64) << 20);
    all_.set_faults({.parts = {{scrape_fault::refused, 1}}});
    EXPECT_EQ(all_.scrape(source, "redis", false).outgoing.response.status, 503U);
    all_.set_faults({.parts = {{scrape_fault::slow, 1}}, .slow_delay = 250ms});
    EXPECT_EQ(all_.scrape(source, "redis", false).delay, 250ms);
    all_.set_faults({});
    EXPECT_EQ(page(source), whole);
}

TEST(scrape_faults, accept_known_names_and_shares_only) {
    scrape_faults faults;
    for (const auto* name : {"hung", "slow", "truncated", "garbage", "oversized", "refused"}) {
        EXPECT_TRUE(faults.set(name, 0.5)) << name;
        EXPECT_FALSE(faults.set(name, 1.5)) << name;
        EXPECT_FALSE(faults.set(name, -0.1)) << name;
    }
    EXPECT_EQ(faults.parts.size(), 6U);
    EXPECT_TRUE(faults.set("slow_ms", 250));
    EXPECT_EQ(faults.slow_delay, 250ms);
    EXPECT_FALSE(faults.set("slow_ms", -1));
    EXPECT_FALSE(faults.set("unknown", 1));
}

TEST_F(exporters, counts_the_time_between_scrapes_in_half_seconds) {
    exporter source;
    EXPECT_EQ(all_.age_seconds(source), 0);
    all_.scrape(source, "redis", false);
    clock_.advance(30s);
    EXPECT_EQ(all_.age_seconds(source), 30);
    all_.scrape(source, "redis", false);
    clock_.advance(29'600ms);
    all_.scrape(source, "redis", false);
    EXPECT_EQ(all_.gaps().at("30").as_uint64() + all_.gaps().at("29.5").as_uint64(), 2U);
    all_.forget_scrapes();
    EXPECT_TRUE(all_.gaps().empty());
}

}  // namespace
}  // namespace synthetic
