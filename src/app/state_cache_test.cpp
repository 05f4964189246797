#include "app/state_cache.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "test/support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;
using domain::status_phase;

std::shared_ptr<const domain::database> record(std::string uid, std::int64_t revision) {
    domain::database made{.id = "db-1",
                          .project = "shop",
                          .name = "orders",
                          .engine = "postgres",
                          .object_uid = std::move(uid),
                          .revision = revision};
    return std::make_shared<const domain::database>(std::move(made));
}

std::shared_ptr<const domain::observed_database> ready(std::string uid) {
    return std::make_shared<const domain::observed_database>(domain::observed_database{
        .exists = true, .uid = std::move(uid), .phase = domain::observed_phase::ready});
}

class state_cache : public testing::Test {
  protected:
    fakes::manual_clock clock_;
    app::state_cache table_{clock_, 30s};
    ports::database_key key_{.project = "shop", .engine = "postgres", .name = "orders"};
};

// The cluster may report an object before its uid is noted in the record.
TEST_F(state_cache, an_object_that_was_seen_before_its_uid_was_noted_is_not_awaited) {
    auto& which = table_.put(record("", 1));
    table_.set_cluster_known();
    table_.expect_first_sight(which, 30s);
    EXPECT_TRUE(table_.set_observed(key_, ready("u1")));
    EXPECT_TRUE(table_.awaits_first_sight(which));
    table_.put(record("u1", 2));
    EXPECT_FALSE(table_.awaits_first_sight(which));
    EXPECT_EQ(which.status.phase, status_phase::running);
}

TEST_F(state_cache, an_object_that_was_just_created_is_not_missing_for_a_while) {
    auto& which = table_.put(record("u1", 1));
    table_.set_cluster_known();
    EXPECT_EQ(which.status.reason, "object_missing");
    table_.expect_first_sight(which, 30s);
    EXPECT_EQ(which.status.phase, status_phase::provisioning);
    clock_.advance(31s);
    table_.refresh_status(which);
    EXPECT_EQ(which.status.reason, "object_missing");
}

// Its pods may be listed before its object is.
TEST_F(state_cache, absence_is_known_only_of_a_cluster_that_was_read) {
    auto& which = table_.put(record("u1", 1));
    table_.set_observed(key_, std::make_shared<const domain::observed_database>());
    EXPECT_EQ(table_.observed_of(which), nullptr);
    EXPECT_EQ(which.status.reason, "cluster_not_synced");
    table_.set_observed(key_, ready("u1"));
    EXPECT_EQ(which.status.phase, status_phase::running);
    table_.set_observed(key_, std::make_shared<const domain::observed_database>());
    table_.set_cluster_known();
    EXPECT_FALSE(table_.observed_of(which)->exists);
    EXPECT_EQ(which.status.reason, "object_missing");
}

// One list that never comes (refused, say) must not keep a deletion from its end.
TEST_F(state_cache, absence_after_presence_is_known_without_the_whole_cluster) {
    auto& which = table_.put(record("u1", 1));
    table_.set_observed(key_, ready("u1"));
    table_.set_observed(key_, std::make_shared<const domain::observed_database>());
    ASSERT_NE(table_.observed_of(which), nullptr);
    EXPECT_FALSE(table_.observed_of(which)->exists);
    EXPECT_EQ(which.status.reason, "object_missing");
}

TEST_F(state_cache, presence_before_the_record_came_counts_as_well) {
    table_.set_observed(key_, ready("u1"));
    auto& which = table_.put(record("u1", 1));
    table_.set_observed(key_, std::make_shared<const domain::observed_database>());
    ASSERT_NE(table_.observed_of(which), nullptr);
    EXPECT_FALSE(table_.observed_of(which)->exists);
}

// Another object of the name is not the one that is awaited.
TEST_F(state_cache, a_namesake_is_not_the_first_sight) {
    auto& which = table_.put(record("u1", 1));
    table_.set_cluster_known();
    table_.expect_first_sight(which, 30s);
    EXPECT_TRUE(table_.set_observed(key_, ready("u2")));
    EXPECT_TRUE(table_.awaits_first_sight(which));
}

TEST_F(state_cache, a_key_is_forgotten_with_its_operation) {
    auto made = *record("u1", 1);
    made.operations.push_back({.id = "op-1",
                               .created_at = clock_.utc_now(),
                               .idempotency_key = "k",
                               .request_digest = "d"});
    table_.put(std::make_shared<const domain::database>(made));
    ASSERT_NE(table_.find_by_idempotency_key("k"), nullptr);
    EXPECT_EQ(table_.find_by_idempotency_key("k")->id, "op-1");
    clock_.advance(25h);
    EXPECT_EQ(table_.find_by_idempotency_key("k"), nullptr);
    made.operations[0].id = "op-2";  // the key again, after its day
    made.operations[0].created_at = clock_.utc_now();
    made.revision = 2;
    table_.put(std::make_shared<const domain::database>(made));
    EXPECT_EQ(table_.find_by_idempotency_key("k")->id, "op-2");
    made.operations.clear();
    made.revision = 3;
    table_.put(std::make_shared<const domain::database>(made));
    EXPECT_EQ(table_.find_by_idempotency_key("k"), nullptr);
    EXPECT_EQ(table_.find_by_idempotency_key("other"), nullptr);
}

// Records are loaded in the order of their ids, not of their operations.
TEST_F(state_cache, a_key_means_its_newest_operation_whatever_came_first) {
    auto old = *record("u1", 1);
    old.operations.push_back(
        {.id = "op-old", .created_at = clock_.utc_now(), .idempotency_key = "k"});
    clock_.advance(25h);
    auto young = *record("u2", 1);
    young.id = "db-2";
    young.name = "carts";
    young.operations.push_back(
        {.id = "op-young", .created_at = clock_.utc_now(), .idempotency_key = "k"});
    for (const auto& order : {std::pair{old, young}, std::pair{young, old}}) {
        app::state_cache table(clock_, 30s);
        table.put(std::make_shared<const domain::database>(order.first));
        table.put(std::make_shared<const domain::database>(order.second));
        const auto* found = table.find_by_idempotency_key("k");
        ASSERT_NE(found, nullptr) << order.first.id << " first";
        EXPECT_EQ(found->id, "op-young");
    }
}

}  // namespace
