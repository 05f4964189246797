#pragma once
// The contract suite of ports::cache. The test of an adapter includes this file and instantiates
// the suite with a factory of cache_world.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/cache.hpp"
#include "test/support/run_until.hpp"

namespace fakes {

// An empty cache and the control over its time.
class cache_world {
  public:
    cache_world() = default;
    cache_world(const cache_world&) = delete;
    cache_world& operator=(const cache_world&) = delete;
    virtual ~cache_world() = default;
    virtual ports::cache& port() = 0;
    // Makes every entry older.
    virtual void advance(std::chrono::seconds duration) = 0;
};

// Returns nullptr if the servers of the adapter are not installed; the tests are then skipped.
using cache_world_factory = std::function<std::unique_ptr<cache_world>(aio::loop&)>;

class cache_contract : public ::testing::TestWithParam<cache_world_factory> {
  protected:
    void SetUp() override {
        world_ = GetParam()(loop_);
        if (world_ == nullptr) GTEST_SKIP() << "the servers of this adapter are not installed";
    }
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(ports::cache&)> start) {
        return run_until_done<T>(loop_, [&] { return start(world_->port()); });
    }
    std::optional<std::string> get(const std::string& key) {
        const auto result =
            run<std::optional<std::string>>([&](ports::cache& cache) { return cache.get(key); });
        EXPECT_TRUE(result) << result.error().text;
        return result.value_or(std::nullopt);
    }
    using values = std::vector<std::optional<std::string>>;
    base::outcome<values> get_many(const std::vector<std::string>& keys) {
        return run<values>([&](ports::cache& cache) { return cache.get_many(keys); });
    }
    base::outcome<void> put(const std::string& key, const std::string& value, int seconds) {
        return run<void>([&](ports::cache& cache) {
            return cache.put(key, value, std::chrono::seconds(seconds));
        });
    }
    base::outcome<bool> put_if_absent(const std::string& key, const std::string& value,
                                      int seconds) {
        return run<bool>([&](ports::cache& cache) {
            return cache.put_if_absent(key, value, std::chrono::seconds(seconds));
        });
    }
    base::outcome<void> remove(const std::string& key) {
        return run<void>([&](ports::cache& cache) { return cache.remove(key); });
    }

    aio::loop loop_;
    std::unique_ptr<cache_world> world_;
};

TEST_P(cache_contract, get_returns_a_value_until_it_expires) {
    using std::chrono::seconds;
    EXPECT_EQ(get("a"), std::nullopt);
    const std::string bytes("1\0\r\n\xff", 5);
    ASSERT_TRUE(put("a", bytes, 100));
    EXPECT_EQ(get("a"), bytes);
    ASSERT_TRUE(put("a", "2", 200));
    world_->advance(seconds(150));
    EXPECT_EQ(get("a"), "2");
    world_->advance(seconds(60));
    EXPECT_EQ(get("a"), std::nullopt);
}

TEST_P(cache_contract, keys_and_values_may_be_empty_or_have_any_bytes) {
    for (const auto& key :
         {std::string(), std::string("\0 \r\n{x}", 7), std::string("{"), std::string(500, 'k')}) {
        ASSERT_TRUE(put(key, "", 100));
        EXPECT_EQ(get(key), "");
        ASSERT_TRUE(put(key, key, 100));
        EXPECT_EQ(get(key), key);
    }
}

TEST_P(cache_contract, get_many_returns_one_value_per_key_in_order) {
    ASSERT_TRUE(put("a", "1", 100));
    ASSERT_TRUE(put("b", "2", 200));
    EXPECT_EQ(get_many({"b", "c", "a", "b"}).value(), (values{"2", std::nullopt, "1", "2"}));
    world_->advance(std::chrono::seconds(150));
    EXPECT_EQ(get_many({"a", "b"}).value(), (values{std::nullopt, "2"}));
    EXPECT_EQ(get_many({}).value(), values{});
}

TEST_P(cache_contract, get_many_accepts_1000_keys) {
    std::vector<std::string> keys;
    keys.reserve(1001);
    for (int index = 0; index < 1000; ++index) keys.push_back("key-" + std::to_string(index));
    ASSERT_TRUE(put("key-0", "first", 100));
    ASSERT_TRUE(put("key-999", "last", 100));
    const auto results = get_many(keys);
    ASSERT_TRUE(results) << results.error().text;
    EXPECT_EQ(results->size(), 1000U);
    EXPECT_EQ(results->front(), "first");
    EXPECT_EQ(results->back(), "last");
    keys.emplace_back("one-more");
    EXPECT_EQ(get_many(keys).error().code, base::errc::limit);
}

TEST_P(cache_contract, put_if_absent_writes_only_a_missing_or_expired_key) {
    EXPECT_TRUE(put_if_absent("a", "1", 100).value());
    EXPECT_FALSE(put_if_absent("a", "2", 100).value());
    EXPECT_EQ(get("a"), "1");
    world_->advance(std::chrono::seconds(101));
    EXPECT_TRUE(put_if_absent("a", "3", 100).value());
    EXPECT_EQ(get("a"), "3");
}

TEST_P(cache_contract, concurrent_put_if_absent_calls_have_one_winner) {
    int winners = 0;
    // run() keeps the lambda until its coroutine has ended.
    const auto race =  // NOLINTNEXTLINE(*-avoid-capturing-lambda-coroutines)
        [&](ports::cache& cache) -> aio::task<void> {
        aio::task_group racing(loop_.executor());
        for (int index = 0; index < 50; ++index) {
            racing.spawn([&cache, &winners, index]() -> aio::task<> {
                const auto result = co_await cache.put_if_absent("race", std::to_string(index),
                                                                 std::chrono::seconds(100));
                EXPECT_TRUE(result);
                if (result.value_or(false)) ++winners;
                co_return base::ok();
            });
        }
        co_return co_await racing.join();
    };
    ASSERT_TRUE(run<void>(race));
    EXPECT_EQ(winners, 1);
}

TEST_P(cache_contract, remove_deletes_the_entry_and_ignores_a_missing_one) {
    ASSERT_TRUE(put("a", "1", 100));
    ASSERT_TRUE(remove("a"));
    EXPECT_EQ(get("a"), std::nullopt);
    EXPECT_TRUE(remove("a"));
}

TEST_P(cache_contract, put_of_more_than_1_mib_is_a_limit_error) {
    const std::string large(std::size_t{1} << 20U, 'x');
    ASSERT_TRUE(put("a", large, 100));
    EXPECT_EQ(get("a"), large);
    EXPECT_EQ(put("a", large + "x", 100).error().code, base::errc::limit);
    EXPECT_EQ(put_if_absent("a", large + "x", 100).error().code, base::errc::limit);
    EXPECT_TRUE(world_->port().is_connected());
}

}  // namespace fakes
