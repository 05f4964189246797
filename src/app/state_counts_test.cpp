#include "app/state_counts.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;

class census : public testing::Test {
  protected:
    app::entry& put(std::string id, std::vector<domain::operation> operations = {}) {
        return table_.put(std::make_shared<const domain::database>(
            domain::database{.id = id,
                             .project = "shop",
                             .name = id,
                             .engine = "redis",
                             .operations = std::move(operations)}));
    }
    app::census taken() { return app::take_census(table_, clock_.utc_now(), 60s); }

    fakes::manual_clock clock_;
    app::state_cache table_{clock_, 30s};
};

TEST_F(census, counts_phases_and_states_of_metrics) {
    put("db-1");
    table_.set_metrics_trouble(put("db-2"), app::metrics_state::unavailable, "timed_out");
    const auto counted = taken();
    EXPECT_EQ(counted.metrics[std::size_t(app::metrics_state::pending)], 1U);
    EXPECT_EQ(counted.metrics[std::size_t(app::metrics_state::unavailable)], 1U);
    std::size_t all = 0;
    for (const auto each : counted.phases) all += each;
    EXPECT_EQ(all, 2U);
}

TEST_F(census, the_age_of_the_cache_is_that_of_its_oldest_fresh_sample) {
    const auto sampled = [&](std::string id) -> app::entry& {
        auto& which = put(std::move(id));
        table_.set_sample(which, std::make_shared<const domain::metrics_sample>(
                                     domain::metrics_sample{.observed_at = clock_.utc_now()}));
        return which;
    };
    auto& stale = sampled("db-1");
    clock_.advance(5s);
    sampled("db-2");
    clock_.advance(7s);
    EXPECT_EQ(taken().oldest_fresh_sample, 12s);
    table_.set_metrics_trouble(stale, app::metrics_state::stale, "timed_out");
    EXPECT_EQ(taken().oldest_fresh_sample, 7s);
}

TEST_F(census, an_operation_is_overdue_after_twice_its_limit_unless_it_removes) {
    put("db-1", {{.id = "op-1", .created_at = clock_.utc_now()}});
    put("db-2", {{.id = "op-2",
                  .kind = domain::operation_kind::delete_database,
                  .created_at = clock_.utc_now()}});
    put("db-3", {{.id = "op-3", .phase = domain::operation_phase::succeeded}});
    EXPECT_EQ(taken().operations_unfinished, 2U);
    clock_.advance(120s);
    EXPECT_EQ(taken().operations_overdue, 0U);
    clock_.advance(1s);
    EXPECT_EQ(taken().operations_overdue, 1U);
}

}  // namespace
