#include "domain/quota.hpp"

#include <gtest/gtest.h>

#include "domain/engines.hpp"

namespace domain {
namespace {

constexpr std::int64_t gibi = std::int64_t(1) << 30;

TEST(check_limits, counts_all_members) {
    const database record{.topology = {.mode = topology_mode::replicated,
                                       .groups = {{.replicas = 3,
                                                   .size = {.cpu_millis = 500},
                                                   .storage = {.bytes = 10 * gibi}}}}};
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

database completed(std::string engine, topology shape) {
    complete_groups(shape, *find_engine(engine));
    return {.engine = std::move(engine), .topology = std::move(shape)};
}

TEST(usage_of, counts_every_node_group) {
    const node_group small{.replicas = 2,
                           .size = {.cpu_millis = 100, .memory_bytes = gibi},
                           .storage = {.bytes = gibi}};
    topology shape{.mode = topology_mode::replicated, .groups = {small}};
    EXPECT_EQ(usage_of(completed("redis", shape)), (usage{.databases = 1,
                                                          .cpu_millis = 2 * 100 + 3 * 500,
                                                          .memory_bytes = 5 * gibi,
                                                          .storage_bytes = 5 * gibi}));
    shape.data().storage.type = storage_type::ephemeral;
    EXPECT_EQ(usage_of(completed("redis", shape)).storage_bytes, 2 * gibi);
    shape.mode = topology_mode::standalone;
    shape.data().replicas = 1;
    EXPECT_EQ(usage_of(completed("redis", shape)).cpu_millis, 100);
    shape = {.mode = topology_mode::cluster, .shards = 2, .groups = {small}};
    shape.data().replicas = 3;
    EXPECT_EQ(usage_of(completed("mongodb", shape)),
              (usage{.databases = 1,
                     .cpu_millis = 6 * 100 + 5 * 800,
                     .memory_bytes = 6 * gibi + 5 * 3 * gibi / 2,
                     .storage_bytes = 6 * gibi + 3 * 2 * gibi}));
    EXPECT_EQ(usage_of(completed("redis", shape)).cpu_millis, 6 * 100);
}

TEST(check_limits, allows_to_shrink_over_the_limit) {
    EXPECT_TRUE(check_limits({.databases = 1, .cpu_millis = 100},
                             {.databases = 2, .cpu_millis = 900}, {.cpu_millis = -100},
                             "project 'shop'", "quota_exceeded"));
}

}  // namespace
}  // namespace domain
