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
    void SetUp() override { restart(); }
    void restart() {
        history_ = std::make_unique<app::history_store>(gate_, clock_, obs::null_log(), probe_,
                                                        app::history_options{});
    }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    base::outcome<void> append(base::instant time, double value) {
        domain::metric_values values;
        values[metric_id::connections_current] = value;
        return await<void>([&] { return history_->append("db-1", time, values); });
    }
    // Reads the value of the last minute.
    base::outcome<app::history_points> read() {
        return await<app::history_points>([&] {
            return history_->read({.database_id = "db-1",
                                   .metric = metric_id::connections_current,
                                   .begin = clock_.utc_now() - 59s,
                                   .end = clock_.utc_now() + 1s,
                                   .step = 60s});
        });
    }
    double value() {
        const auto points = read();
        EXPECT_TRUE(points) << points.error().text;
        return points && points->points.size() == 1 ? points->points[0].second : std::nan("");
    }
    std::size_t stored() {
        const auto page = await<ports::page>([&] {
            return store_.find(
                {.collection = "history", .index_name = "database", .index_value = "db-1"});
        });
        return page ? page->items.size() : 0;
    }
    base::outcome<void> flush() {
        return await<void>([&] { return history_->flush(true); });
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::gated_store gate_{store_, loop_.executor()};
    obs::registry registry_;
    app::probe probe_{registry_};
    std::unique_ptr<app::history_store> history_;
};

TEST_F(history_store, keeps_rows_after_a_restart) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    restart();
    EXPECT_EQ(value(), 7);
}

// A wall clock that was ahead once must not end a database's history.
TEST_F(history_store, drops_rows_ahead_of_the_clock_after_10_minutes) {
    ASSERT_TRUE(append(clock_.utc_now() - 30s, 1));
    ASSERT_TRUE(append(clock_.utc_now() + 9h, 2));
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 2U);
    clock_.advance(120s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    clock_.advance(9min + 59s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_TRUE(std::isnan(value())) << "the rows ahead were dropped too early";
    clock_.advance(1s);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_EQ(value(), 3);
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 2U) << "the row ahead is still in the store";
    restart();
    EXPECT_EQ(value(), 3);
}

TEST_F(history_store, drops_stored_rows_ahead_of_the_clock_after_a_restart) {
    ASSERT_TRUE(append(clock_.utc_now() + 9h, 2));
    ASSERT_TRUE(flush());
    restart();
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    clock_.advance(10min);
    ASSERT_TRUE(append(clock_.utc_now(), 3));
    EXPECT_EQ(value(), 3);
    ASSERT_TRUE(flush());
    EXPECT_EQ(stored(), 1U);
}

// A machine may start with a wrong clock and correct it later.
TEST_F(history_store, keeps_rows_if_the_clock_is_behind_for_less_than_10_minutes) {
    const auto right = clock_.utc_now() + 3h;
    ASSERT_TRUE(append(right, 7));
    ASSERT_TRUE(flush());
    restart();
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

TEST_F(history_store, keeps_rows_ahead_if_a_row_in_order_restarts_the_wait) {
    const auto right = clock_.utc_now() + 3h;
    ASSERT_TRUE(append(right, 7));
    ASSERT_TRUE(append(clock_.utc_now(), 8));
    ASSERT_TRUE(append(right + 60s, 9));
    clock_.advance(10min);
    ASSERT_TRUE(append(clock_.utc_now(), 8));
    clock_.advance(2h + 50min);
    EXPECT_EQ(value(), 7);
}

TEST_F(history_store, leaves_a_gap_if_the_clock_is_set_back_by_a_minute) {
    ASSERT_TRUE(append(clock_.utc_now() + 60s, 1));
    ASSERT_TRUE(append(clock_.utc_now(), 2));
    EXPECT_TRUE(std::isnan(value()));
    clock_.advance(60s);
    EXPECT_EQ(value(), 1);
}

TEST_F(history_store, rejects_a_read_during_a_load) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    restart();
    gate_.close_gate_for_reads();
    aio::task_group group(loop_.executor());
    group.spawn([&] { return history_->append("db-1", clock_.utc_now() + 30s, {}); });
    while (gate_.waiting() == 0) loop_.poll();
    const auto early = read();
    gate_.open_gate();
    while (group.size() > 0) loop_.poll();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, base::errc::unavailable);
    EXPECT_EQ(early.error().reason, "history_loading");
    EXPECT_EQ(value(), 7);
}

TEST_F(history_store, loads_again_after_a_failed_load) {
    ASSERT_TRUE(append(clock_.utc_now(), 7));
    ASSERT_TRUE(flush());
    restart();
    store_.fail_next(1);
    EXPECT_EQ(read().error().code, base::errc::unavailable);
    EXPECT_EQ(value(), 7);
}

}  // namespace
