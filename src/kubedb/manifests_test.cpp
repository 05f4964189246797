#include "kubedb/manifests.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

#include "domain/engines.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {
namespace {

using domain::change_kind;
using enum domain::topology_mode;

// Returns a topology with `replicas` members in the data group; other groups have the defaults.
domain::topology shape_of(std::string_view engine, domain::topology_mode mode, int replicas,
                          int shards = 1) {
    domain::topology shape{.mode = mode,
                           .shards = shards,
                           .groups = {{.replicas = replicas,
                                       .size = {.cpu_millis = 500, .memory_bytes = 1LL << 30},
                                       .storage = {.bytes = 2LL << 30, .storage_class = "fast"}}}};
    if (const auto* rules = domain::find_engine(engine)) domain::complete_groups(shape, *rules);
    return shape;
}

domain::database record_of(std::string engine, domain::topology_mode mode = standalone,
                           int replicas = 1, int shards = 1) {
    auto shape = shape_of(engine, mode, replicas, shards);
    return {.id = "db-1",
            .project = "shop",
            .name = "orders",
            .engine = std::move(engine),
            .version = "7.0",
            .topology = std::move(shape),
            .labels = {{"team", "web"}}};
}

// Returns the value at "/a/b/c" of the object as JSON; "absent" if there is none.
std::string value_at(const json::object& object, std::string_view pointer) {
    boost::system::error_code error;
    const json::value whole = object;
    const auto* value = whole.find_pointer(pointer, error);
    return value == nullptr ? "absent" : json::serialize(*value);
}

json::object manifest_of(const domain::database& record) {
    return database_manifest(*find_dialect(record.engine), record);
}

TEST(manifests, object_has_owner_size_and_volume) {
    const auto manifest = manifest_of(record_of("postgres"));
    EXPECT_EQ(value_at(manifest, "/metadata/namespace"), R"("dbaas-shop")");
    EXPECT_EQ(value_at(manifest, "/metadata/labels/kubedb-dbaas.io~1database-id"), R"("db-1")");
    EXPECT_EQ(value_at(manifest, "/metadata/labels/team"), R"("web")");
    EXPECT_EQ(value_at(manifest, "/metadata/annotations/kubedb-dbaas.io~1labels"), R"("team")");
    EXPECT_EQ(value_at(manifest, "/spec/storage/storageClassName"), R"("fast")");
    EXPECT_EQ(value_at(manifest, "/spec/podTemplate/spec/containers/0/resources/limits"),
              R"({"memory":"1Gi"})");
    EXPECT_EQ(value_at(manifest, "/spec/deletionPolicy"), R"("WipeOut")");
    EXPECT_EQ(value_at(manifest, "/spec/halted"), "absent");
}

TEST(manifests, replicated_topology_uses_the_fields_of_the_engine) {
    EXPECT_EQ(value_at(manifest_of(record_of("postgres", replicated, 2)), "/spec/standbyMode"),
              R"("Hot")");
    EXPECT_EQ(value_at(manifest_of(record_of("mysql", replicated, 3)), "/spec/topology/mode"),
              R"("GroupReplication")");
    EXPECT_EQ(value_at(manifest_of(record_of("mongodb", replicated, 3)), "/spec/replicaSet/name"),
              R"("rs0")");
    const auto redis = manifest_of(record_of("redis", replicated, 3));
    EXPECT_EQ(value_at(redis, "/spec/mode"), R"("Sentinel")");
    EXPECT_EQ(value_at(redis, "/spec/sentinelRef"),
              R"({"name":"orders-sentinel","namespace":"dbaas-shop"})");
}

TEST(manifests, sharded_mongodb_has_its_settings_in_the_shards) {
    const auto manifest = manifest_of(record_of("mongodb", cluster, 3, 2));
    EXPECT_EQ(value_at(manifest, "/spec/shardTopology/shard/shards"), "2");
    EXPECT_EQ(value_at(manifest, "/spec/shardTopology/shard/replicas"), "3");
    EXPECT_EQ(value_at(manifest, "/spec/storage"), "absent");
    EXPECT_EQ(value_at(manifest, "/spec/podTemplate"), "absent");
    // Quotas count the requested resources.
    const std::string side = R"({"name":"mongodb","resources":{"requests":{"cpu":"800m",)"
                             R"("memory":"1536Mi"},"limits":{"memory":"1536Mi"}}})";
    for (const std::string part : {"configServer", "mongos"}) {
        EXPECT_EQ(
            value_at(manifest, "/spec/shardTopology/" + part + "/podTemplate/spec/containers/0"),
            side);
    }
    EXPECT_EQ(value_at(manifest, "/spec/shardTopology/configServer/replicas"), "3");
    EXPECT_EQ(
        value_at(manifest, "/spec/shardTopology/configServer/storage/resources/requests/storage"),
        R"("2Gi")");
    EXPECT_EQ(value_at(manifest, "/spec/shardTopology/mongos/replicas"), "2");
}

// KubeDB's admission requires it: mongodb.go, checkStorageStuffs.
TEST(manifests, ephemeral_mongodb_has_a_size_limit_and_no_claim) {
    for (auto shape : {shape_of("mongodb", standalone, 1), shape_of("mongodb", replicated, 3),
                       shape_of("mongodb", cluster, 2, 3)}) {
        for (auto& group : shape.groups) {
            if (group.storage.bytes == 0) continue;
            group.storage = {.bytes = 2LL << 30, .type = domain::storage_type::ephemeral};
        }
        auto record = record_of("mongodb");
        record.topology = shape;
        const auto manifest = manifest_of(record);
        const bool sharded = shape.mode == cluster;
        for (const std::string part : {"/shardTopology/shard", "/shardTopology/configServer", ""}) {
            EXPECT_EQ(value_at(manifest, "/spec" + part + "/storage"), "absent") << part;
            EXPECT_EQ(value_at(manifest, "/spec" + part + "/ephemeralStorage/sizeLimit"),
                      part.empty() == sharded ? "absent" : R"("2Gi")")
                << part;
        }
        EXPECT_EQ(observe_database(*find_dialect("mongodb"), manifest).topology, shape);
        EXPECT_FALSE(ops_manifest(*find_dialect("mongodb"), record, shape,
                                  change_kind::volume_expansion, "op-1"));
    }
}

TEST(manifests, only_replicated_redis_needs_a_dependent_object) {
    for (const auto* dialect : all_dialects()) {
        for (const auto mode : {standalone, replicated, cluster}) {
            const bool needs = dialect->needs_dependent_object({.mode = mode});
            const auto engine = dialect->kind().engine;
            EXPECT_EQ(needs, engine == "redis" && mode == replicated) << engine;
        }
    }
}

TEST(manifests, dependent_object_has_owner_and_durability_of_the_database) {
    auto record = record_of("redis", replicated, 3);
    const auto& dialect = *find_dialect("redis");
    auto manifest = dependent_manifest(dialect, record);
    EXPECT_EQ(value_at(manifest, "/kind"), R"("RedisSentinel")");
    EXPECT_EQ(value_at(manifest, "/metadata/name"), R"("orders-sentinel")");
    EXPECT_EQ(value_at(manifest, "/metadata/labels/kubedb-dbaas.io~1database-id"), R"("db-1")");
    EXPECT_EQ(value_at(manifest, "/spec/version"), R"("7.0")");
    EXPECT_EQ(value_at(manifest, "/spec/replicas"), "3");
    EXPECT_EQ(value_at(manifest, "/spec/podTemplate/spec/containers/0/name"), R"("redissentinel")");
    EXPECT_EQ(value_at(manifest, "/spec/podTemplate/spec/containers/0/resources/limits/memory"),
              R"("1Gi")");
    EXPECT_EQ(value_at(manifest, "/spec/storage/resources/requests/storage"), R"("1Gi")");
    EXPECT_EQ(value_at(manifest, "/spec/storage/storageClassName"), R"("fast")");
    for (auto& group : record.topology.groups) {
        group.storage.type = domain::storage_type::ephemeral;
    }
    record.paused = true;
    manifest = dependent_manifest(dialect, record);
    EXPECT_EQ(value_at(manifest, "/spec/storage"), "absent");
    EXPECT_EQ(value_at(manifest, "/spec/storageType"), R"("Ephemeral")");
    EXPECT_EQ(value_at(manifest, "/spec/halted"), "true");
}

TEST(manifests, update_patch_contains_only_fields_of_the_platform) {
    auto record = record_of("redis");
    auto patch =
        update_patch(find_dialect("redis")->kind(), record, {{"team", "old"}, {"gone", "1"}});
    EXPECT_EQ(value_at(patch, "/metadata/labels/team"), R"("web")");
    EXPECT_EQ(value_at(patch, "/metadata/labels/gone"), "null");
    EXPECT_EQ(value_at(patch, "/metadata/annotations/kubedb-dbaas.io~1labels"), R"("team")");
    EXPECT_EQ(value_at(patch, "/spec"), R"({"halted":false,"deletionPolicy":"WipeOut"})");
    record.paused = true;  // while KubeDB halts the database, it sets the policy itself
    patch = update_patch(find_dialect("redis")->kind(), record, {});
    EXPECT_EQ(value_at(patch, "/spec"), R"({"halted":true})");
}

TEST(manifests, ops_request_names_the_component_of_the_topology) {
    const auto& dialect = *find_dialect("mongodb");
    const auto payload = [&](domain::topology_mode mode, int replicas) {
        const auto record = record_of("mongodb", mode, replicas);
        const auto request =
            ops_manifest(dialect, record, record.topology, change_kind::vertical_scaling, "op-1");
        return std::string(request->at("spec").at("verticalScaling").as_object().begin()->key());
    };
    EXPECT_EQ(payload(standalone, 1), "standalone");
    EXPECT_EQ(payload(replicated, 3), "replicaSet");
    EXPECT_EQ(payload(cluster, 3), "shard");
}

TEST(manifests, ops_request_names_the_groups_that_differ) {
    const auto& dialect = *find_dialect("mongodb");
    auto record = record_of("mongodb", cluster, 3, 2);
    const auto present = record.topology;
    const auto request = [&](change_kind change) {
        return *ops_manifest(dialect, record, present, change, "op-1");
    };
    record.topology.find("router")->replicas = 5;
    record.topology.find("config")->size.cpu_millis = 1000;
    record.topology.find("config")->storage.bytes = 4LL << 30;
    EXPECT_EQ(value_at(request(change_kind::horizontal_scaling), "/spec/horizontalScaling"),
              R"({"mongos":{"replicas":5}})");
    EXPECT_EQ(value_at(request(change_kind::vertical_scaling), "/spec/verticalScaling"),
              R"({"configServer":{"resources":{"requests":{"cpu":"1","memory":"1536Mi"},)"
              R"("limits":{"memory":"1536Mi"}}}})");
    EXPECT_EQ(value_at(request(change_kind::volume_expansion), "/spec/volumeExpansion"),
              R"({"mode":"Online","configServer":"4Gi"})");
    record.topology.shards = 3;
    EXPECT_EQ(value_at(request(change_kind::horizontal_scaling), "/spec/horizontalScaling"),
              R"({"shard":{"replicas":3,"shards":3},"mongos":{"replicas":5}})");
}

TEST(manifests, ops_name_is_unique_per_operation_and_change) {
    const auto record = record_of("redis");
    EXPECT_EQ(ops_name(record, change_kind::volume_expansion, "op-abc"), "orders-vexpand-abc");
    EXPECT_NE(ops_name(record, change_kind::vertical_scaling, "op-abc"),
              ops_name(record, change_kind::horizontal_scaling, "op-abc"));
}

TEST(manifests, engine_without_volumes_has_no_volume_expansion) {
    const auto record = record_of("memcached");
    EXPECT_FALSE(ops_manifest(*find_dialect("memcached"), record, record.topology,
                              change_kind::volume_expansion, "op-1"));
}

}  // namespace
}  // namespace kubedb
