#include "app/history_store.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using namespace std::chrono_literals;
using domain::metric_id;

class history_store : public testing::Test {
  protected:
    void SetUp() override { live_again(); }
    void live_again() {
        keeper_ = std::make_unique<app::history_store>(gate_, clock_, obs::null_log(), probe_,
                                                       app::history_options{});
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    base::outcome<void> append(base::instant at, double value) {
        domain::metric_values values;
        values[metric_id::connections_current] = value;
        return await<void>([&] { return keeper_->append("db-1", at, values); });
    }
    // The one value of the minute before now.
    base::outcome<app::history_points> read() {
        return await<app::history_points>([&] {
            return keeper_->read({.database_id = "db-1",
                                  .metric = metric_id::connections_current,
                                  .from = clock_.utc_now() - 59s,
                                  .to = clock_.utc_now() + 1s,
                                  .step = 60s});
        });
    }
    double value() {
        const auto got = read();
        EXPECT_TRUE(got) << got.error().text;
        return got && got->points.size() == 1 ? got->points[0].second : std::nan("");
    }
    std::size_t stored() {
        const auto found = await<ports::page>([&] {
            return store_.find(
                {.collection = "history", .index_name = "database", .index_value = "db-1"});
        });
        return found ? found->items.size() : 0;
    }
    base::outcome<void> flush() {
        return await<void>([&] { return keeper_->flush(true); });
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::gated_store gate_{store_, loop_.executor()};
    obs::registry registry_;
    app::probe probe_{registry_};
    std::unique_ptr<app::history_store> keeper_;
};

TEST_F(history_store, survives_a_restart) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    live_again();
    EXPECT_EQ(value(), 7);
}

// A wall clock that was once ahead must not end a database's history.
TEST_F(history_store, goes_on_after_a_clock_that_was_ahead) {
    ASSERT_TRUE(append(clock_.utc_now() - 30s, 1));
    ASSERT_TRUE(append(clock_.utc_now() + 9h, 2));
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 2U);
    clock_.advance(120s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    clock_.advance(9min + 59s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_TRUE(std::isnan(value())) << "which clock was wrong is not known yet";
    clock_.advance(1s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_EQ(value(), 3);
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 2U) << "the row ahead is gone from the store as well";
    live_again();
    EXPECT_EQ(value(), 3);
}

TEST_F(history_store, does_not_bring_back_rows_that_are_ahead) {
    ASSERT_TRUE(append(clock_.utc_now() + 9h, 2));
    ASSERT_TRUE(flush());
    live_again();
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    clock_.advance(10min);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_EQ(value(), 3);
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 1U);
}

// A machine that starts with a wrong clock puts it right a little later.
TEST_F(history_store, a_clock_that_is_behind_for_a_while_costs_no_history) {
    const auto right = clock_.utc_now() + 3h;
    ASSERT_TRUE(append(right, 7));
    ASSERT_TRUE(flush());
    live_again();
    ASSERT_TRUE(append(clock_.utc_now(), 8));
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 1U);
    EXPECT_TRUE(std::isnan(value()));
    ASSERT_TRUE(append(right + 60s, 9));
    clock_.advance(3h);
    EXPECT_EQ(value(), 7);
    clock_.advance(60s);
    EXPECT_EQ(value(), 9);
}

TEST_F(history_store, a_row_that_fits_ends_the_wait) {
    const auto right = clock_.utc_now() + 3h;
    ASSERT_TRUE(append(right, 7));
    ASSERT_TRUE(append(clock_.utc_now(), 8));
    ASSERT_TRUE(append(right + 60s, 9));
    clock_.advance(10min);
    ASSERT_TRUE(append(clock_.utc_now(), 8));
    clock_.advance(2h + 50min);
    EXPECT_EQ(value(), 7);
}

TEST_F(history_store, a_small_step_back_leaves_a_gap_only) {
    ASSERT_TRUE(append(clock_.utc_now() + 60s, 1));
    ASSERT_TRUE(append(clock_.utc_now(), 2));
    EXPECT_TRUE(std::isnan(value()));
    clock_.advance(60s);
    EXPECT_EQ(value(), 1);
}

TEST_F(history_store, a_read_during_a_load_is_not_told_that_there_is_nothing) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    live_again();
    gate_.close_gate_for_reads();
    aio::task_group group(loop_.executor());
    group.spawn([&] { return keeper_->append("db-1", clock_.utc_now() + 30s, {}); });
    while (gate_.waiting() == 0) loop_.poll();
    const auto early = read();
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, base::errc::unavailable);
    EXPECT_EQ(early.error().reason, "history_loading");
    EXPECT_EQ(value(), 7);
}

TEST_F(history_store, a_load_that_failed_is_tried_again) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    live_again();
    store_.fail_next(1);
    EXPECT_EQ(read().error().code, base::errc::unavailable);
    EXPECT_EQ(value(), 7);
}

}  // namespace
