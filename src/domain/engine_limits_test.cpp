// One test for each rule of KubeDB's admission that is more than a range. The webhooks are those of
// kubedb/apimachinery, pkg/webhooks.

#include "domain/engine_limits.hpp"

#include <gtest/gtest.h>

#include <string>

#include "domain/validate.hpp"

namespace domain {
namespace {

struct wish {
    std::string engine;
    std::string version = "9.0.0";
    topology_request shape = {.mode = "replicated"};
    std::string name = "orders";
};

base::outcome<database> create(const wish& wanted) {
    return validate_create(
        {.project = "shop", .name = wanted.name, .engine = wanted.engine, .topology = wanted.shape},
        {.installed = true, .versions = {wanted.version}});
}

// "pointer code" of the only fault; "" when there is none.
std::string error_of(const base::outcome<database>& result) {
    if (result) return "";
    if (result.error().fields.size() != 1) return result.error().text;
    return result.error().fields[0].pointer + " " + result.error().fields[0].code;
}

std::string error_of_scaling(const wish& present, topology_request wanted) {
    auto before = create(present);
    if (!before) return "not created: " + before.error().text;
    before->object_uid = "uid";
    return error_of(validate_patch(*before, {.topology = std::move(wanted)}));
}

// kubedb/v1/mariadb.go, validateCluster: the cluster's name.
TEST(engine_limits, a_replicated_mariadb_has_a_short_name) {
    const std::string longest(32, 'a');
    EXPECT_EQ(error_of(create({.engine = "mariadb", .name = longest})), "");
    EXPECT_EQ(error_of(create({.engine = "mariadb", .name = longest + "a"})), "/name too_long");
    EXPECT_EQ(error_of(create(
                  {.engine = "mariadb", .shape = {.mode = "standalone"}, .name = longest + "a"})),
              "");
}

// ops/v1alpha1/mysql.go, validateMySQLScalingOpsRequest: `9 <= member` is rejected, although nine
// members can be created.
TEST(engine_limits, mysql_scales_to_eight_members) {
    const wish three{.engine = "mysql"};
    EXPECT_EQ(error_of_scaling(three, {.replicas = 8}), "");
    EXPECT_EQ(error_of_scaling(three, {.replicas = 9}), "/topology/replicas out_of_range");
    const wish nine{.engine = "mysql", .shape = {.mode = "replicated", .replicas = 9}};
    EXPECT_EQ(error_of_scaling(nine, {.replicas = 9}), "");
    EXPECT_EQ(error_of_scaling(nine, {.replicas = 8}), "");
}

// kubedb/v1/mysql.go, ValidateMySQL: "name.name-pods.namespace.svc" of MySQL 5 has up to 60
// characters; the namespace is the project's with "dbaas-" before it.
TEST(engine_limits, mysql_5_has_short_host_names) {
    const topology_request alone{.mode = "standalone"};
    const std::string longest(19, 'a');  // 2 * 19 + 4 ("shop") + 17 = 59; one more is 61
    const auto error_for = [&](std::string version, const std::string& name) {
        return error_of(create({"mysql", std::move(version), alone, name}));
    };
    EXPECT_EQ(error_for("5.7.44", longest), "");
    EXPECT_EQ(error_for("5.7.44", longest + "a"), "/name too_long");
    EXPECT_EQ(error_for("8.0.36", longest + "a"), "");
}

// kubedb/v1/redissentinel.go, validateVersionForSentinelMode.
TEST(engine_limits, redis_is_replicated_from_6_2_on) {
    const auto error_for = [](std::string version, std::string mode) {
        return error_of(create({"redis", std::move(version), {.mode = std::move(mode)}}));
    };
    EXPECT_EQ(error_for("6.0.20", "replicated"), "/topology/mode unsupported");
    EXPECT_EQ(error_for("5.0.14", "replicated"), "/topology/mode unsupported");
    EXPECT_EQ(error_for("6.2.14", "replicated"), "");
    EXPECT_EQ(error_for("valkey-8.1.1", "replicated"), "");
    EXPECT_EQ(error_for("unstable", "replicated"), "");  // the version has no number
    EXPECT_EQ(error_for("7", "replicated"), "");
    EXPECT_EQ(error_for("6.0.20", "cluster"), "");
}

// ops/v1alpha1/redis.go, checkHorizontalOpsReqForClusterMode.
TEST(engine_limits, a_redis_cluster_scales_one_way_at_a_time) {
    const wish four{.engine = "redis", .shape = {.mode = "cluster", .replicas = 3, .shards = 4}};
    EXPECT_EQ(error_of_scaling(four, {.replicas = 2, .shards = 5}),
              "/topology mixed_scaling_directions");
    EXPECT_EQ(error_of_scaling(four, {.replicas = 4, .shards = 3}),
              "/topology mixed_scaling_directions");
    EXPECT_EQ(error_of_scaling(four, {.replicas = 4, .shards = 5}), "");
    EXPECT_EQ(error_of_scaling(four, {.replicas = 2, .shards = 4}), "");
    wish mongodb = four;
    mongodb.engine = "mongodb";
    EXPECT_EQ(error_of_scaling(mongodb, {.replicas = 2, .shards = 5}), "");
}

// kubedb/v1/memcached.go, validateReplica: not to or from one while it runs.
TEST(engine_limits, memcached_stays_alone_or_several) {
    const wish alone{.engine = "memcached", .shape = {.mode = "standalone"}};
    EXPECT_EQ(error_of_scaling(alone, {.mode = "replicated", .replicas = 3}),
              "/topology/mode immutable");
    EXPECT_EQ(error_of_scaling({.engine = "memcached"}, {.mode = "standalone"}),
              "/topology/mode immutable");
    EXPECT_EQ(error_of_scaling({.engine = "memcached"}, {.replicas = 5}), "");
}

}  // namespace
}  // namespace domain
