#include "app/adoption.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/recording_log.hpp"

namespace {

using app::adoption_action;

class adoption : public ::testing::Test {
  protected:
    void observe(const std::string& name, const std::string& id, const std::string& uid = "uid-1",
                 const std::string& engine = "redis") {
        auto state = std::make_shared<domain::observed_database>();
        state->exists = true;
        state->uid = uid;
        state->owner_database_id = id;
        state->phase = domain::observed_phase::ready;
        state->version = "7.4.0";
        state->topology.data().replicas = 1;
        state->labels = {{"team", "red"}};
        state->metrics_port = 56790;
        observed_[{.project = "shop", .engine = engine, .name = name}] = std::move(state);
    }
    std::vector<app::adoption_entry> plan() {
        return app::plan_adoption(observed_, cache_, clock_.utc_now());
    }
    base::outcome<std::size_t> apply() {
        return aio::block_on(app::adopt(plan(), cache_, records_, clock_.utc_now()));
    }
    std::vector<adoption_action> actions() {
        std::vector<adoption_action> result;
        for (const auto& entry : plan()) result.push_back(entry.action);
        return result;
    }

    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    app::state_cache cache_{clock_, std::chrono::seconds(30)};
    app::record_repository records_{store_, cache_, clock_, log_};
    app::observed_databases observed_;
};

TEST_F(adoption, stores_a_record_that_equals_the_object) {
    observe("cache", "db-1");
    ASSERT_EQ(apply(), 1U);
    const auto& record = *cache_.databases().at("db-1").record;
    EXPECT_EQ(record.project, "shop");
    EXPECT_EQ(record.version, "7.4.0");
    EXPECT_EQ(record.object_uid, "uid-1");
    EXPECT_EQ(record.labels, (domain::labels{{"team", "red"}}));
    EXPECT_TRUE(record.deletion_protection);
    EXPECT_TRUE(record.was_ready);
    EXPECT_TRUE(record.monitoring);
    EXPECT_TRUE(cache_.project("shop"));
    EXPECT_EQ(actions(), std::vector{adoption_action::keep});
    EXPECT_EQ(apply(), 0U);
}

TEST_F(adoption, a_plan_writes_nothing) {
    observe("cache", "db-1");
    EXPECT_EQ(actions(), std::vector{adoption_action::adopt});
    EXPECT_EQ(store_.calls(), 0);
}

TEST_F(adoption, leaves_foreign_objects_alone) {
    observe("cache", "");
    EXPECT_EQ(actions(), std::vector{adoption_action::foreign});
    EXPECT_EQ(apply(), 0U);
}

TEST_F(adoption, reports_records_without_an_object) {
    observe("cache", "db-1");
    ASSERT_EQ(apply(), 1U);
    observed_.clear();
    EXPECT_EQ(actions(), std::vector{adoption_action::missing});
}

TEST_F(adoption, reports_objects_that_contradict_records_or_each_other) {
    observe("cache", "db-1");
    ASSERT_EQ(apply(), 1U);
    observed_.clear();
    observe("cache", "db-2");  // the name belongs to db-1
    observe("queue", "db-1");  // the id belongs to shop/cache
    observe("table", "db-3");
    observe("table", "db-3", "uid-2", "postgres");  // a copy of the manifest
    std::map<std::string, int> counts;
    for (const auto& entry : plan()) {
        ++counts[std::string(name(entry.action))];
        EXPECT_EQ(entry.action == adoption_action::conflict, !entry.detail.empty());
    }
    EXPECT_EQ(counts, (std::map<std::string, int>{{"adopt", 1}, {"conflict", 3}}));
}

TEST_F(adoption, does_not_adopt_an_object_that_is_being_deleted) {
    observe("cache", "db-1");
    auto state = std::make_shared<domain::observed_database>(*observed_.begin()->second);
    state->deleting = true;
    observed_.begin()->second = std::move(state);
    EXPECT_EQ(actions(), std::vector{adoption_action::conflict});
}

TEST_F(adoption, continues_after_a_failure_of_the_store) {
    observe("cache", "db-1");
    observe("queue", "db-2", "uid-2");
    store_.fail_next(1);
    EXPECT_FALSE(apply());
    (void)aio::block_on(store_.get("projects", "shop"));  // the store recovers
    EXPECT_EQ(apply(), 2U);
}

}  // namespace
