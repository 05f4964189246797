#include "kube/resource_version.hpp"

#include <gtest/gtest.h>

namespace kube {
namespace {

TEST(resource_version, is_compared_as_an_integer_of_any_length) {
    EXPECT_TRUE(is_older("9", "10"));
    EXPECT_TRUE(is_older("0", "1"));
    EXPECT_FALSE(is_older("10", "9"));
    EXPECT_FALSE(is_older("10", "10"));
    EXPECT_TRUE(is_older("99999999999999999999999999", "100000000000000000000000000"));
    EXPECT_EQ(compare_versions("7", "7"), std::strong_ordering::equal);
}

TEST(resource_version, is_not_comparable_unless_it_is_a_canonical_integer) {
    for (const auto* opaque : {"", "007", "a", "1a", "-1", "1.0", " 1"}) {
        EXPECT_EQ(compare_versions(opaque, "5"), std::nullopt) << opaque;
        EXPECT_EQ(compare_versions("5", opaque), std::nullopt) << opaque;
        EXPECT_FALSE(is_older(opaque, "5")) << opaque;
    }
}

}  // namespace
}  // namespace kube
