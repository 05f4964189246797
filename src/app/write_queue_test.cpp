#include "app/write_queue.hpp"

#include <gtest/gtest.h>

#include <list>
#include <vector>

#include "aio/aio.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using base::errc;

class write_queue : public testing::Test {
  protected:
    // Enters the queue of `key`, notes its number and keeps its turn until release().
    void start(int number, const std::string& key = "db-a") {
        writers_.spawn([this, number, key]() -> aio::task<> {
            auto turn = co_await queue_.enter(key);
            if (!turn) {
                rejected_.push_back(turn.error().code);
                co_return base::outcome<void>{};
            }
            admitted_.push_back(number);
            turns_.push_back(std::move(*turn));
            co_return base::outcome<void>{};
        });
        run();
    }
    void release() {
        turns_.pop_front();
        run();
    }
    void run() { fakes::poll_until_idle(loop_); }
    void TearDown() override {
        writers_.cancel();
        while (writers_.size() > 0) loop_.poll();
    }

    aio::loop loop_;
    app::write_queue queue_;
    aio::task_group writers_{loop_.executor()};
    std::list<app::write_queue::turn> turns_;
    std::vector<int> admitted_;
    std::vector<errc> rejected_;
};

TEST_F(write_queue, admits_writers_of_one_record_in_the_order_of_arrival) {
    for (int number = 1; number <= 3; ++number) start(number);
    EXPECT_EQ(admitted_, (std::vector{1}));
    EXPECT_EQ(queue_.waiting("db-a"), 2U);
    release();
    EXPECT_EQ(admitted_, (std::vector{1, 2}));
    release();
    EXPECT_EQ(admitted_, (std::vector{1, 2, 3}));
}

TEST_F(write_queue, admits_writers_of_different_records_at_once) {
    start(1, "db-a");
    start(2, "db-b");
    EXPECT_EQ(admitted_, (std::vector{1, 2}));
}

TEST_F(write_queue, is_free_again_after_the_last_turn) {
    start(1);
    release();
    start(2);
    EXPECT_EQ(admitted_, (std::vector{1, 2}));
}

TEST_F(write_queue, skips_a_writer_that_was_cancelled_while_it_waited) {
    start(1);
    {
        aio::task_group cancelled(loop_.executor());
        cancelled.spawn([this]() -> aio::task<> {
            auto turn = co_await queue_.enter("db-a");
            rejected_.push_back(turn ? errc::internal : turn.error().code);
            co_return base::outcome<void>{};
        });
        run();
        start(3);
        loop_.post([&cancelled] { cancelled.cancel(); });
        run();
    }
    EXPECT_EQ(rejected_, (std::vector{errc::cancelled}));
    EXPECT_EQ(queue_.waiting("db-a"), 1U);
    release();
    EXPECT_EQ(admitted_, (std::vector{1, 3}));
}

TEST_F(write_queue, passes_the_turn_on_if_a_writer_is_cancelled_as_it_is_admitted) {
    start(1);
    aio::task_group cancelled(loop_.executor());
    cancelled.spawn([this]() -> aio::task<> {
        auto turn = co_await queue_.enter("db-a");
        rejected_.push_back(turn ? errc::internal : turn.error().code);
        co_return base::outcome<void>{};
    });
    run();
    start(3);
    loop_.post([this, &cancelled] {
        turns_.pop_front();  // admits the second writer, which has not run yet
        cancelled.cancel();
    });
    run();
    EXPECT_EQ(queue_.waiting("db-a"), 0U);
    EXPECT_EQ(admitted_, (std::vector{1, 3}));
}

}  // namespace
