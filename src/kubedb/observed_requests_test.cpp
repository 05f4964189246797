// Tests which OpsRequests the observed_store keeps.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time_text.hpp"
#include "json/json.hpp"
#include "kubedb/names.hpp"
#include "kubedb/observed_store.hpp"
#include "test/support/manual_clock.hpp"

namespace kubedb {
namespace {

class last_seen final : public ports::cluster_observer {
  public:
    domain::observed_database state;
    void on_observed(const ports::database_key&,
                     std::shared_ptr<const domain::observed_database> seen) override {
        state = *seen;
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue>) override {}
    void on_sync_state(ports::sync_state) override {}
};

class observed_store_requests : public testing::Test {
  protected:
    void SetUp() override { store_.set_observer(&observer_); }
    // Adds an OpsRequest that was created at the minute.
    void put(int minute, std::string_view phase, std::string_view operation = "op-1",
             json::object metadata = {}) {
        metadata["name"] = meta(minute).name;
        metadata["creationTimestamp"] = fmt::format("2026-01-01T00:{:02}:00Z", minute);
        metadata["labels"] = {{label_operation, operation}};
        store_.put_change(
            kind_, meta(minute),
            {{"metadata", std::move(metadata)},
             {"spec", {{"type", "VerticalScaling"}, {"databaseRef", {{"name", "cache"}}}}},
             {"status", {{"phase", phase}}}});
        store_.flush();
    }
    void drop(int minute) {
        store_.drop_change(kind_, meta(minute));
        store_.flush();
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        result.reserve(observer_.state.changes.size());
        for (const auto& each : observer_.state.changes) result.push_back(each.name);
        return result;
    }
    static kube::object_meta meta(int minute) {
        return {.ns = "dbaas-shop",
                .name = fmt::format("change-{:02}", minute),
                .uid = fmt::format("uid-{}", minute)};
    }
    static base::instant time_of(int minute) {
        return *base::from_rfc3339(fmt::format("2026-01-01T00:{:02}:00Z", minute));
    }
    const engine_kind& kind_ = find_dialect("redis")->kind();
    const ports::database_key key_{"shop", "redis", "cache"};
    fakes::manual_clock clock_;
    aio::loop loop_;
    last_seen observer_;
    observed_store store_{loop_.executor(), clock_, 20};
};

TEST_F(observed_store_requests, keeps_unfinished_and_latest_finished_changes) {
    put(0, "Progressing");
    for (int minute = 1; minute <= 30; ++minute) put(minute, "Successful");
    ASSERT_EQ(names().size(), 21U);
    EXPECT_EQ(names()[0], "change-00");
    EXPECT_EQ(names()[1], "change-11");
    EXPECT_EQ(names()[20], "change-30");
    put(5, "Successful");  // a relist delivers it again
    EXPECT_EQ(names().size(), 21U);
    EXPECT_EQ(names()[1], "change-11");
}

// All OpsRequests are deleted with the database, regardless of their phase.
TEST_F(observed_store_requests, knows_the_names_of_all_ops_requests) {
    for (int minute = 1; minute <= 30; ++minute) put(minute, "Failed");
    EXPECT_EQ(store_.requests_of(key_).size(), 30U);
    EXPECT_EQ(store_.requests_of(key_)[0], (request_name{"change-01", "uid-1"}));
    for (int minute = 1; minute <= 30; ++minute) drop(minute);
    EXPECT_TRUE(store_.requests_of(key_).empty());
    EXPECT_TRUE(names().empty());
}

TEST_F(observed_store_requests, old_requests_are_finished_and_owned) {
    put(1, "Successful");
    put(2, "Progressing");
    put(3, "Successful", "");
    put(4, "Failed");
    put(5, "Denied");
    const auto old = store_.old_requests(time_of(5), 10);
    ASSERT_EQ(old.size(), 2U);
    EXPECT_EQ(old[0].request.name, "change-01");
    EXPECT_EQ(old[1].request, (request_name{"change-04", "uid-4"}));
    EXPECT_EQ(old[1].engine + " " + old[1].project, "redis shop");
    EXPECT_EQ(store_.old_requests(time_of(59), 1).size(), 1U);
}

// A finalizer may delay their deletion: they would use up the limit of one sweep.
TEST_F(observed_store_requests, old_requests_exclude_deleting_ones) {
    put(1, "Successful", "op-1", {{"deletionTimestamp", "2026-01-01T01:00:00Z"}});
    put(2, "Successful");
    const auto old = store_.old_requests(time_of(59), 10);
    ASSERT_EQ(old.size(), 1U);
    EXPECT_EQ(old[0].request.name, "change-02");
    EXPECT_EQ(store_.requests_of(key_).size(), 2U);
}

}  // namespace
}  // namespace kubedb
