#include "devcluster/synthetic/exporters.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"

namespace synthetic {
namespace {

using namespace std::chrono_literals;

class exporters_of_redis : public testing::Test {
  protected:
    exporters_of_redis() { all_.know("redis"); }
    std::string page(exporter& which, bool is_dead = false) {
        auto answered = all_.scrape(which, "redis", is_dead);
        return answered.outgoing.response.body.to_string();
    }
    fakes::manual_clock clock_;
    exporters all_{clock_};
};

TEST_F(exporters_of_redis, a_fault_meets_its_part_of_them_and_always_the_same) {
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

TEST_F(exporters_of_redis, each_fault_is_what_it_is_called) {
    exporter which{.number = 5};
    const auto whole = page(which);
    EXPECT_NE(whole.find("redis_up 1"), std::string::npos);
    EXPECT_EQ(page(which, true).find("redis_up 1"), std::string::npos);
    all_.set_faults({.parts = {{scrape_fault::truncated, 1}}});
    EXPECT_EQ(page(which).size(), whole.size() / 2);
    all_.set_faults({.parts = {{scrape_fault::garbage, 1}}});
    EXPECT_EQ(page(which).front(), '\x01');
    all_.set_faults({.parts = {{scrape_fault::oversized, 1}}});
    EXPECT_GT(page(which).size(), std::size_t(64) << 20);
    all_.set_faults({.parts = {{scrape_fault::refused, 1}}});
    EXPECT_EQ(all_.scrape(which, "redis", false).outgoing.response.status, 503U);
    all_.set_faults({.parts = {{scrape_fault::slow, 1}}, .slowness = 250ms});
    EXPECT_EQ(all_.scrape(which, "redis", false).delay, 250ms);
    all_.set_faults({});
    EXPECT_EQ(page(which), whole);
}

TEST(scrape_faults, are_named_and_parts_of_one) {
    scrape_faults how;
    for (const auto* name : {"hung", "slow", "truncated", "garbage", "oversized", "refused"}) {
        EXPECT_TRUE(how.set(name, 0.5)) << name;
        EXPECT_FALSE(how.set(name, 1.5)) << name;
        EXPECT_FALSE(how.set(name, -0.1)) << name;
    }
    EXPECT_EQ(how.parts.size(), 6U);
    EXPECT_TRUE(how.set("slow_ms", 250));
    EXPECT_EQ(how.slowness, 250ms);
    EXPECT_FALSE(how.set("slow_ms", -1));
    EXPECT_FALSE(how.set("haunted", 1));
}

TEST_F(exporters_of_redis, the_time_between_scrapes_is_counted_by_halves_of_a_second) {
    exporter which;
    EXPECT_EQ(all_.age_seconds(which), 0);
    all_.scrape(which, "redis", false);
    clock_.advance(30s);
    EXPECT_EQ(all_.age_seconds(which), 30);
    all_.scrape(which, "redis", false);
    clock_.advance(29'600ms);
    all_.scrape(which, "redis", false);
    EXPECT_EQ(all_.gaps().at("30").as_uint64() + all_.gaps().at("29.5").as_uint64(), 2U);
    all_.forget_scrapes();
    EXPECT_TRUE(all_.gaps().empty());
}

}  // namespace
}  // namespace synthetic
