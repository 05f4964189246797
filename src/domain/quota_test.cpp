#include "domain/quota.hpp"

#include <gtest/gtest.h>

namespace domain {
namespace {

constexpr std::int64_t gibi = std::int64_t(1) << 30;

TEST(check_limits, counts_all_members) {
    const database record{.topology = {.mode = topology_mode::replicated, .replicas = 3},
                          .size = {.cpu_millis = 500},
                          .storage = {.bytes = 10 * gibi}};
    const auto more = usage_of(record);
    EXPECT_EQ(more.cpu_millis, 1500);
    EXPECT_EQ(more.storage_bytes, 30 * gibi);
    const usage allowed{.cpu_millis = 2000};
    EXPECT_TRUE(
        check_limits(allowed, {.cpu_millis = 500}, more, "project 'shop'", "quota_exceeded"));
    const auto refused =
        check_limits(allowed, {.cpu_millis = 501}, more, "project 'shop'", "quota_exceeded");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::errc::limit);
    EXPECT_EQ(refused.error().text,
              "project 'shop' has 501m of cpu in use of 2; 1500m more do not fit");
}

TEST(check_limits, allows_to_shrink_over_the_limit) {
    EXPECT_TRUE(check_limits({.databases = 1, .cpu_millis = 100},
                             {.databases = 2, .cpu_millis = 900}, {.cpu_millis = -100},
                             "project 'shop'", "quota_exceeded"));
}

}  // namespace
}  // namespace domain
