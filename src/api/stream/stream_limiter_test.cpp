#include "api/stream/stream_limiter.hpp"

#include <gtest/gtest.h>

namespace {

TEST(stream_limiter, bounds_the_streams_of_each_address) {
    api::stream_limiter limiter(2);
    auto first = limiter.acquire("10.0.0.1");
    const auto second = limiter.acquire("10.0.0.1");
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(limiter.acquire("10.0.0.1"));
    EXPECT_TRUE(limiter.acquire("10.0.0.2"));
    EXPECT_TRUE(limiter.acquire("fd00::1"));
    first.reset();
    EXPECT_TRUE(limiter.acquire("10.0.0.1"));
}

}  // namespace
