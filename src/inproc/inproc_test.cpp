#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "inproc/local_authenticator.hpp"
#include "inproc/memory_bus.hpp"
#include "inproc/memory_cache.hpp"
#include "test/support/authenticator_contract.hpp"
#include "test/support/bus_contract.hpp"
#include "test/support/cache_contract.hpp"
#include "test/support/manual_clock.hpp"

namespace fakes {

class memory_cache_world final : public cache_world {
  public:
    ports::cache& port() override { return *cache_; }
    void advance(std::chrono::seconds duration) override { clock_.advance(duration); }

  private:
    manual_clock clock_;
    std::unique_ptr<ports::cache> cache_ = inproc::make_cache(clock_);
};

class memory_bus_world final : public bus_world {
  public:
    explicit memory_bus_world(aio::executor executor)
        : bus_(inproc::make_bus(std::move(executor))) {}
    ports::bus& first() override { return *bus_; }
    ports::bus& second() override { return *bus_; }

  private:
    std::unique_ptr<ports::bus> bus_;
};

INSTANTIATE_TEST_SUITE_P(inproc, cache_contract, ::testing::Values([](aio::loop&) {
                             return std::make_unique<memory_cache_world>();
                         }));
INSTANTIATE_TEST_SUITE_P(inproc, bus_contract, ::testing::Values([](aio::loop& loop) {
                             return std::make_unique<memory_bus_world>(loop.executor());
                         }));
INSTANTIATE_TEST_SUITE_P(inproc, authenticator_contract, ::testing::Values([] {
                             return authenticator_world{
                                 .authenticator = std::make_unique<inproc::local_authenticator>(),
                                 .valid = {"", "Bearer ann", "Basic YW5uOg=="}};
                         }));

TEST(memory_cache, evicts_the_least_recently_used_entry_first) {
    manual_clock clock;
    const auto cache = inproc::make_cache(clock, {.bytes_max = 30});
    const auto put = [&](std::string key) {
        return aio::block_on(
            cache->put(std::move(key), std::string(9, 'x'), std::chrono::seconds(10)));
    };
    const auto has = [&](std::string key) {
        return aio::block_on(cache->get(std::move(key)))->has_value();
    };
    ASSERT_TRUE(put("a") && put("b") && put("c"));
    EXPECT_TRUE(has("a"));
    ASSERT_TRUE(put("d"));
    EXPECT_FALSE(has("b"));
    EXPECT_TRUE(has("a") && has("c") && has("d"));
}

}  // namespace fakes
