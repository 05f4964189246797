#include "domain/validate_topology.hpp"

#include <gtest/gtest.h>

#include "domain/validate.hpp"

namespace domain {
namespace {

constexpr std::int64_t gibi = std::int64_t(1) << 30;

using groups = std::vector<group_request>;
using strings = std::vector<std::string>;

create_request sharded_mongodb(groups entries) {
    return {.project = "shop",
            .name = "events",
            .engine = "mongodb",
            .topology = topology_request{.mode = "cluster", .groups = std::move(entries)}};
}

base::outcome<database> create(const create_request& wanted) {
    return validate_create(wanted, {.installed = true, .versions = {"8.0.0"}});
}

template <class Result>
strings errors_of(const Result& result) {
    strings texts;
    if (result) return texts;
    for (const auto& error : result.error().fields) {
        texts.push_back(error.pointer + " " + error.code);
    }
    return texts;
}

database present(const create_request& wanted) {
    auto record = create(wanted).value();
    record.object_uid = "uid";
    return record;
}

patch_request patch_groups(groups entries) {
    return {.topology = topology_request{.groups = std::move(entries)}};
}

TEST(node_groups, a_mode_adds_its_groups_with_defaults) {
    auto wanted = sharded_mongodb({});
    wanted.storage = storage_request{.storage_class = "fast"};
    const auto shape = create(wanted)->topology;
    ASSERT_EQ(shape.groups.size(), 3U);
    EXPECT_EQ(shape.find("config")->replicas, 3);
    EXPECT_EQ(shape.find("config")->storage, (storage{.bytes = 2 * gibi, .storage_class = "fast"}));
    EXPECT_EQ(shape.find("router")->replicas, 2);
    EXPECT_EQ(shape.find("router")->storage, storage{});
    wanted.topology = topology_request{.mode = "replicated"};
    EXPECT_EQ(create(wanted)->topology.groups.size(), 1U);
}

TEST(node_groups, the_long_form_sets_every_group) {
    const auto record = create(sharded_mongodb({
        {.role = "router", .replicas = 4, .size = size_request{.preset = "medium"}},
        {.role = "data",
         .replicas = 3,
         .size = size_request{.preset = "large"},
         .storage = storage_request{.size = "50Gi"}},
        {.role = "config", .storage = storage_request{.size = "5Gi", .storage_class = "slow"}},
    }));
    ASSERT_TRUE(record) << record.error().text;
    const auto& shape = record->topology;
    EXPECT_EQ(shape.data().replicas, 3);
    EXPECT_EQ(shape.data().size, find_preset("large")->size);
    EXPECT_EQ(shape.data().storage.bytes, 50 * gibi);
    EXPECT_EQ(shape.find("router")->replicas, 4);
    EXPECT_EQ(shape.find("router")->size, find_preset("medium")->size);
    EXPECT_EQ(shape.find("config")->storage, (storage{.bytes = 5 * gibi, .storage_class = "slow"}));
    EXPECT_EQ(shape.groups[1].role, "config") << "the order is that of the rules";
}

TEST(node_groups, roles_are_known_and_given_once) {
    EXPECT_EQ(
        errors_of(create(sharded_mongodb(
            {{.role = "router"}, {.role = "router"}, {.role = "sentinel"}, {.replicas = 2}}))),
        (strings{"/topology/groups/1/role repeated", "/topology/groups/2/role unknown_role",
                 "/topology/groups/3/role required"}));
    EXPECT_EQ(errors_of(create(sharded_mongodb(groups(9)))),
              (strings{"/topology/groups too_many"}));
}

TEST(node_groups, every_group_has_its_limits) {
    EXPECT_EQ(
        errors_of(create(sharded_mongodb({
            {.role = "config", .replicas = 9, .size = size_request{.cpu = "1"}},
            {.role = "router", .storage = storage_request{.size = "1Gi"}},
            {.role = "data", .replicas = 99},
        }))),
        (strings{
            "/topology/groups/2/replicas out_of_range", "/topology/groups/0/size/memory required",
            "/topology/groups/0/replicas out_of_range", "/topology/groups/1/storage unsupported"}));
}

TEST(node_groups, all_groups_share_the_storage_type) {
    auto wanted =
        sharded_mongodb({{.role = "config", .storage = storage_request{.type = "durable"}}});
    wanted.storage = storage_request{.type = "ephemeral"};
    EXPECT_EQ(errors_of(create(wanted)), (strings{"/topology/groups/0/storage/type unsupported"}));
    wanted.topology->groups->clear();
    EXPECT_EQ(create(wanted)->topology.find("config")->storage.type, storage_type::ephemeral);
}

TEST(node_groups, the_two_forms_of_a_new_database_must_agree) {
    auto wanted = sharded_mongodb({{.role = "data",
                                    .replicas = 3,
                                    .size = size_request{.preset = "small"},
                                    .storage = storage_request{.size = "20Gi"}}});
    wanted.topology->replicas = 3;
    wanted.size = size_request{.cpu = "500m", .memory = "1Gi"};
    wanted.storage = storage_request{.size = "20Gi"};
    EXPECT_EQ(errors_of(create(wanted)), strings{});
    wanted.topology->replicas = 2;
    wanted.size = size_request{.preset = "large"};
    wanted.storage = storage_request{.size = "10Gi"};  // the default is no excuse
    EXPECT_EQ(errors_of(create(wanted)),
              (strings{"/topology/replicas ambiguous", "/size ambiguous", "/storage ambiguous"}));
}

TEST(node_groups, a_patch_changes_the_form_that_differs) {
    const auto before = present(sharded_mongodb({}));
    const group_request data{.role = "data",
                             .replicas = before.topology.data().replicas,
                             .size = size_request{.preset = "small"},
                             .storage = storage_request{.size = "10Gi"}};
    auto wanted = patch_groups({data});
    wanted.size = size_request{.preset = "large"};
    auto after = validate_patch(before, wanted);
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(after->topology.data().size, find_preset("large")->size);
    wanted.size = size_request{.preset = "small"};
    wanted.topology->groups->front().size = size_request{.preset = "medium"};
    after = validate_patch(before, wanted);
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(after->topology.data().size, find_preset("medium")->size);
    wanted.size = size_request{.preset = "large"};
    EXPECT_EQ(errors_of(validate_patch(before, wanted)), (strings{"/size ambiguous"}));
}

TEST(node_groups, a_patch_scales_the_groups_it_names) {
    const auto before = present(sharded_mongodb({}));
    const auto after = validate_patch(
        before, patch_groups({{.role = "router", .replicas = 5, .size = size_request{.cpu = "2"}},
                              {.role = "config", .storage = storage_request{.size = "4Gi"}}}));
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(after->topology.find("router")->replicas, 5);
    EXPECT_EQ(after->topology.find("router")->size.cpu_millis, 2000);
    EXPECT_EQ(after->topology.find("config")->storage.bytes, 4 * gibi);
    EXPECT_EQ(after->topology.data(), before.topology.data());
    EXPECT_EQ(
        errors_of(validate_patch(
            before, patch_groups({{.role = "config", .storage = storage_request{.size = "1Gi"}}}))),
        (strings{"/topology/groups/0/storage/size cannot_shrink"}));
}

TEST(node_groups, a_patch_may_size_a_group_of_another_mode_partially) {
    create_request wanted{.project = "shop", .name = "events", .engine = "mongodb"};
    const auto before = present(wanted);
    const auto change = [&](size_request size) {
        return errors_of(validate_patch(
            before, {.topology = topology_request{
                         .mode = "cluster",
                         .groups = groups{{.role = "router", .size = std::move(size)}}}}));
    };
    EXPECT_EQ(change({}), (strings{"/topology/mode immutable"}));
    EXPECT_EQ(change({.cpu = "500m"}), (strings{"/topology/mode immutable"}));
}

TEST(node_groups, sentinels_cannot_be_changed_after_creation) {
    const auto before =
        present({.project = "shop",
                 .name = "cache",
                 .engine = "redis",
                 .topology = topology_request{
                     .mode = "replicated", .groups = groups{{.role = "sentinel", .replicas = 5}}}});
    EXPECT_EQ(before.topology.find("sentinel")->replicas, 5);
    EXPECT_EQ(
        errors_of(
            validate_patch(before, patch_groups({{.role = "sentinel",
                                                  .replicas = 3,
                                                  .size = size_request{.preset = "large"},
                                                  .storage = storage_request{.size = "3Gi"}}}))),
        (strings{"/topology/groups/0/replicas unsupported", "/topology/groups/0/size unsupported",
                 "/topology/groups/0/storage/size unsupported"}));
    EXPECT_TRUE(validate_patch(before, patch_groups({{.role = "sentinel", .replicas = 5}})));
}

// A database that another client scaled beyond the limits can still be renamed or paused.
TEST(node_groups, a_patch_of_other_fields_does_not_check_the_topology) {
    auto before = present(sharded_mongodb({}));
    before.topology.data().replicas = 50;
    EXPECT_TRUE(validate_patch(before, {.deletion_protection = true}));
    EXPECT_EQ(errors_of(validate_patch(before, {.topology = topology_request{.shards = 3}})),
              (strings{"/topology/replicas out_of_range"}));
}

}  // namespace
}  // namespace domain
