#include "app/state_cache.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "test/support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;
using domain::status_phase;

std::shared_ptr<const domain::database> record(std::string uid, std::int64_t revision) {
    domain::database result{.id = "db-1",
                            .project = "shop",
                            .name = "orders",
                            .engine = "postgres",
                            .object_uid = std::move(uid),
                            .revision = revision};
    return std::make_shared<const domain::database>(std::move(result));
}

std::shared_ptr<const domain::observed_database> ready(std::string uid) {
    return std::make_shared<const domain::observed_database>(domain::observed_database{
        .exists = true, .uid = std::move(uid), .phase = domain::observed_phase::ready});
}

class state_cache : public testing::Test {
  protected:
    app::database_state& put(std::shared_ptr<const domain::database> database) {
        return cache_.put(std::move(database), app::record_origin::start);
    }

    fakes::manual_clock clock_;
    app::state_cache cache_{clock_, 30s};
    ports::database_key key_{.project = "shop", .engine = "postgres", .name = "orders"};
};

// A replica that sees the transition and one that starts later name the same time.
TEST_F(state_cache, names_the_time_at_which_the_cluster_changed) {
    const auto observed = [&](domain::observed_phase phase, base::instant changed) {
        auto result = *ready("u1");
        result.phase = phase;
        result.conditions = {{.type = "Ready", .last_transition = changed}};
        return std::make_shared<const domain::observed_database>(std::move(result));
    };
    auto& entry = put(record("u1", 1));
    cache_.set_cluster_known();
    clock_.advance(10s);
    const auto changed = std::chrono::floor<std::chrono::seconds>(clock_.utc_now());
    clock_.advance(2s);
    cache_.set_observed(key_, observed(domain::observed_phase::ready, changed));
    EXPECT_EQ(entry.status.phase, status_phase::running);
    EXPECT_EQ(entry.status.since, changed);
    // A change of another kind has the time at which it was seen.
    clock_.advance(5s);
    cache_.set_observed(key_, observed(domain::observed_phase::critical, changed));
    EXPECT_NE(entry.status.phase, status_phase::running);
    EXPECT_EQ(entry.status.since, clock_.utc_now());
}

// The cluster may report an object before its uid is stored in the record.
TEST_F(state_cache, does_not_await_an_object_that_was_observed_before_its_uid_was_stored) {
    auto& entry = put(record("", 1));
    cache_.set_cluster_known();
    cache_.expect_first_observation(entry, 30s);
    EXPECT_TRUE(cache_.set_observed(key_, ready("u1")));
    EXPECT_TRUE(cache_.awaits_first_observation(entry));
    put(record("u1", 2));
    EXPECT_FALSE(cache_.awaits_first_observation(entry));
    EXPECT_EQ(entry.status.phase, status_phase::running);
}

TEST_F(state_cache, reports_a_new_object_as_missing_after_30_seconds) {
    auto& entry = put(record("u1", 1));
    cache_.set_cluster_known();
    EXPECT_EQ(entry.status.reason, "object_missing");
    cache_.expect_first_observation(entry, 30s);
    EXPECT_EQ(entry.status.phase, status_phase::provisioning);
    clock_.advance(31s);
    cache_.refresh_status(entry);
    EXPECT_EQ(entry.status.reason, "object_missing");
}

// The pods may be listed before the object.
TEST_F(state_cache, reports_an_object_as_missing_after_the_whole_cluster_was_reported) {
    auto& entry = put(record("u1", 1));
    cache_.set_observed(key_, std::make_shared<const domain::observed_database>());
    EXPECT_EQ(cache_.observed_of(entry), nullptr);
    EXPECT_EQ(entry.status.reason, "cluster_not_synced");
    cache_.set_observed(key_, ready("u1"));
    EXPECT_EQ(entry.status.phase, status_phase::running);
    cache_.set_observed(key_, std::make_shared<const domain::observed_database>());
    cache_.set_cluster_known();
    EXPECT_FALSE(cache_.observed_of(entry)->exists);
    EXPECT_EQ(entry.status.reason, "object_missing");
}

// One list that is never returned (forbidden, for example) must not delay a deletion indefinitely.
TEST_F(state_cache, reports_an_object_as_missing_if_it_was_observed_before) {
    auto& entry = put(record("u1", 1));
    cache_.set_observed(key_, ready("u1"));
    cache_.set_observed(key_, std::make_shared<const domain::observed_database>());
    ASSERT_NE(cache_.observed_of(entry), nullptr);
    EXPECT_FALSE(cache_.observed_of(entry)->exists);
    EXPECT_EQ(entry.status.reason, "object_missing");
}

TEST_F(state_cache, reports_an_object_as_missing_if_it_was_observed_before_its_record) {
    cache_.set_observed(key_, ready("u1"));
    auto& entry = put(record("u1", 1));
    cache_.set_observed(key_, std::make_shared<const domain::observed_database>());
    ASSERT_NE(cache_.observed_of(entry), nullptr);
    EXPECT_FALSE(cache_.observed_of(entry)->exists);
}

// Another object has the same name and another uid.
TEST_F(state_cache, awaits_an_object_if_another_object_has_its_name) {
    auto& entry = put(record("u1", 1));
    cache_.set_cluster_known();
    cache_.expect_first_observation(entry, 30s);
    EXPECT_TRUE(cache_.set_observed(key_, ready("u2")));
    EXPECT_TRUE(cache_.awaits_first_observation(entry));
}

TEST_F(state_cache, forgets_an_idempotency_key_with_its_operation) {
    auto database = *record("u1", 1);
    database.operations.push_back({.id = "op-1",
                                   .created_at = clock_.utc_now(),
                                   .idempotency_key = "k",
                                   .request_digest = "d"});
    put(std::make_shared<const domain::database>(database));
    ASSERT_NE(cache_.find_by_idempotency_key("k"), nullptr);
    EXPECT_EQ(cache_.find_by_idempotency_key("k")->id, "op-1");
    clock_.advance(25h);
    EXPECT_EQ(cache_.find_by_idempotency_key("k"), nullptr);
    database.operations[0].id = "op-2";  // the same key, more than 24 hours later
    database.operations[0].created_at = clock_.utc_now();
    database.revision = 2;
    put(std::make_shared<const domain::database>(database));
    EXPECT_EQ(cache_.find_by_idempotency_key("k")->id, "op-2");
    database.operations.clear();
    database.revision = 3;
    put(std::make_shared<const domain::database>(database));
    EXPECT_EQ(cache_.find_by_idempotency_key("k"), nullptr);
    EXPECT_EQ(cache_.find_by_idempotency_key("other"), nullptr);
}

// Records are loaded in the order of their ids, not of their operations.
TEST_F(state_cache, finds_the_newest_operation_of_a_key_in_any_order_of_records) {
    auto older = *record("u1", 1);
    older.operations.push_back(
        {.id = "op-older", .created_at = clock_.utc_now(), .idempotency_key = "k"});
    clock_.advance(25h);
    auto newer = *record("u2", 1);
    newer.id = "db-2";
    newer.name = "carts";
    newer.operations.push_back(
        {.id = "op-newer", .created_at = clock_.utc_now(), .idempotency_key = "k"});
    for (const auto& order : {std::pair{older, newer}, std::pair{newer, older}}) {
        app::state_cache cache(clock_, 30s);
        cache.put(std::make_shared<const domain::database>(order.first), app::record_origin::start);
        cache.put(std::make_shared<const domain::database>(order.second),
                  app::record_origin::start);
        const auto* operation = cache.find_by_idempotency_key("k");
        ASSERT_NE(operation, nullptr) << order.first.id << " first";
        EXPECT_EQ(operation->id, "op-newer");
    }
}

}  // namespace
