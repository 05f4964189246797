#pragma once
// The contract suite of ports::cache. The test of an adapter includes this file and instantiates
// the suite with a factory that makes an empty cache over the given manual clock.

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "aio/block_on.hpp"
#include "ports/cache.hpp"
#include "test/support/manual_clock.hpp"

namespace fakes {

using cache_factory = std::function<std::unique_ptr<ports::cache>(manual_clock&)>;

class cache_contract : public ::testing::TestWithParam<cache_factory> {
  protected:
    void SetUp() override { cache_ = GetParam()(clock_); }
    std::optional<std::string> get(std::string key) {
        return aio::block_on(cache_->get(std::move(key))).value();
    }
    manual_clock clock_;
    std::unique_ptr<ports::cache> cache_;
};

TEST_P(cache_contract, get_returns_a_value_until_it_expires) {
    using std::chrono::seconds;
    EXPECT_EQ(get("a"), std::nullopt);
    ASSERT_TRUE(aio::block_on(cache_->put("a", std::string("1\0", 2), seconds(10))));
    EXPECT_EQ(get("a"), std::string("1\0", 2));
    ASSERT_TRUE(aio::block_on(cache_->put("a", "2", seconds(20))));
    clock_.advance(seconds(15));
    EXPECT_EQ(get("a"), "2");
    clock_.advance(seconds(6));
    EXPECT_EQ(get("a"), std::nullopt);
}

TEST_P(cache_contract, get_many_returns_one_value_per_key_in_order) {
    using std::chrono::seconds;
    ASSERT_TRUE(aio::block_on(cache_->put("a", "1", seconds(10))));
    ASSERT_TRUE(aio::block_on(cache_->put("b", "2", seconds(20))));
    using values = std::vector<std::optional<std::string>>;
    EXPECT_EQ(aio::block_on(cache_->get_many({"b", "c", "a", "b"})).value(),
              (values{"2", std::nullopt, "1", "2"}));
    clock_.advance(seconds(15));
    EXPECT_EQ(aio::block_on(cache_->get_many({"a", "b"})).value(), (values{std::nullopt, "2"}));
    EXPECT_EQ(aio::block_on(cache_->get_many({})).value(), values{});
    EXPECT_EQ(aio::block_on(cache_->get_many(std::vector<std::string>(1001, "a"))).error().code,
              base::errc::limit);
}

TEST_P(cache_contract, put_if_absent_writes_only_a_missing_or_expired_key) {
    using std::chrono::seconds;
    EXPECT_TRUE(aio::block_on(cache_->put_if_absent("a", "1", seconds(10))).value());
    EXPECT_FALSE(aio::block_on(cache_->put_if_absent("a", "2", seconds(10))).value());
    EXPECT_EQ(get("a"), "1");
    clock_.advance(seconds(11));
    EXPECT_TRUE(aio::block_on(cache_->put_if_absent("a", "3", seconds(10))).value());
    ASSERT_TRUE(aio::block_on(cache_->remove("a")));
    EXPECT_EQ(get("a"), std::nullopt);
    EXPECT_TRUE(aio::block_on(cache_->remove("a")));
}

TEST_P(cache_contract, put_of_more_than_1_mib_is_a_limit_error) {
    using std::chrono::seconds;
    const std::string large((std::size_t(1) << 20) + 1, 'x');
    EXPECT_EQ(aio::block_on(cache_->put("a", large, seconds(10))).error().code, base::errc::limit);
    EXPECT_EQ(aio::block_on(cache_->put_if_absent("a", large, seconds(10))).error().code,
              base::errc::limit);
    EXPECT_TRUE(cache_->is_connected());
}

}  // namespace fakes
