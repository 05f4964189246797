#include "api/stream/stream_limiter.hpp"

#include <gtest/gtest.h>

namespace {

TEST(stream_limiter, each_address_has_its_own) {
    api::stream_limiter places(2);
    auto first = places.acquire("10.0.0.1:4001");
    const auto second = places.acquire("10.0.0.1:4002");
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(places.acquire("10.0.0.1:4003"));
    EXPECT_TRUE(places.acquire("10.0.0.2:4001"));
    EXPECT_TRUE(places.acquire("fd00::1:4001"));
    first.reset();
    EXPECT_TRUE(places.acquire("10.0.0.1:4003"));
}

}  // namespace
