#include "app/state_counts.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;

class state_counts : public testing::Test {
  protected:
    app::database_state& put(std::string id, std::vector<domain::operation> operations = {}) {
        return cache_.put(std::make_shared<const domain::database>(
                              domain::database{.id = id,
                                               .project = "shop",
                                               .name = id,
                                               .engine = "redis",
                                               .operations = std::move(operations)}),
                          app::record_origin::start);
    }
    app::state_counts count() { return app::count_states(cache_, clock_.utc_now(), 60s); }

    fakes::manual_clock clock_;
    app::state_cache cache_{clock_, 30s};
};

TEST_F(state_counts, counts_databases_per_phase_and_metrics_state) {
    put("db-1");
    cache_.set_metrics_failure(put("db-2"), app::metrics_state::unavailable, "timed_out");
    const auto counts = count();
    EXPECT_EQ(counts.metrics[std::size_t(app::metrics_state::pending)], 1U);
    EXPECT_EQ(counts.metrics[std::size_t(app::metrics_state::unavailable)], 1U);
    std::size_t all = 0;
    for (const auto databases : counts.phases) all += databases;
    EXPECT_EQ(all, 2U);
}

TEST_F(state_counts, returns_the_age_of_the_oldest_fresh_sample) {
    const auto sampled = [&](std::string id) -> app::database_state& {
        auto& entry = put(std::move(id));
        cache_.set_sample(entry, std::make_shared<const domain::metrics_sample>(
                                     domain::metrics_sample{.observed_at = clock_.utc_now()}));
        return entry;
    };
    auto& stale = sampled("db-1");
    clock_.advance(5s);
    sampled("db-2");
    clock_.advance(7s);
    EXPECT_EQ(count().oldest_fresh_sample, 12s);
    cache_.set_metrics_failure(stale, app::metrics_state::stale, "timed_out");
    EXPECT_EQ(count().oldest_fresh_sample, 7s);
}

TEST_F(state_counts, counts_an_operation_as_overdue_after_twice_its_limit_except_deletions) {
    put("db-1", {{.id = "op-1", .created_at = clock_.utc_now()}});
    put("db-2", {{.id = "op-2",
                  .kind = domain::operation_kind::delete_database,
                  .created_at = clock_.utc_now()}});
    put("db-3", {{.id = "op-3", .phase = domain::operation_phase::succeeded}});
    EXPECT_EQ(count().operations_unfinished, 2U);
    clock_.advance(120s);
    EXPECT_EQ(count().operations_overdue, 0U);
    clock_.advance(1s);
    EXPECT_EQ(count().operations_overdue, 1U);
}

}  // namespace
