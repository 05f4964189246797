#include <gtest/gtest.h>

#include "inproc/local_authenticator.hpp"
#include "inproc/memory_bus.hpp"
#include "inproc/memory_cache.hpp"
#include "test/support/authenticator_contract.hpp"
#include "test/support/bus_contract.hpp"
#include "test/support/cache_contract.hpp"

namespace fakes {

INSTANTIATE_TEST_SUITE_P(inproc, cache_contract, ::testing::Values([](manual_clock& clock) {
                             return inproc::make_cache(clock);
                         }));
INSTANTIATE_TEST_SUITE_P(inproc, bus_contract, ::testing::Values([](aio::executor executor) {
                             return inproc::make_bus(std::move(executor));
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
