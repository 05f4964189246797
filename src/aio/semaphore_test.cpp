#include "aio/semaphore.hpp"

#include <gtest/gtest.h>

#include <list>
#include <vector>

namespace {

class semaphore : public testing::Test {
  protected:
    // Acquires a permit for task `number` and keeps it until release().
    void start(aio::task_group& tasks, int number) {
        tasks.spawn([this, number]() -> aio::task<> {
            auto permit = co_await semaphore_.acquire();
            if (!permit) {
                cancelled_.push_back(number);
                co_return base::ok();
            }
            admitted_.push_back(number);
            permits_.push_back(std::move(*permit));
            co_return base::ok();
        });
        run();
    }
    void run() {
        while (loop_.poll() > 0) {
        }
    }
    void release() {
        permits_.pop_front();
        run();
    }
    void TearDown() override {
        loop_.post([this] { tasks_.cancel(); });
        while (tasks_.size() > 0) loop_.poll();
    }

    aio::loop loop_;
    aio::semaphore semaphore_{loop_.executor(), 2};
    aio::task_group tasks_{loop_.executor()};
    std::list<aio::semaphore::permit> permits_;
    std::vector<int> admitted_;
    std::vector<int> cancelled_;
};

TEST_F(semaphore, admits_waiting_tasks_in_the_order_of_their_calls) {
    EXPECT_TRUE(semaphore_.is_idle());
    for (int number = 1; number <= 4; ++number) start(tasks_, number);
    EXPECT_EQ(admitted_, (std::vector{1, 2}));
    EXPECT_EQ(semaphore_.waiting(), 2U);
    release();
    EXPECT_EQ(admitted_, (std::vector{1, 2, 3}));
    release();
    EXPECT_EQ(admitted_, (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(semaphore_.waiting(), 0U);
    release();
    release();
    EXPECT_TRUE(semaphore_.is_idle());
}

TEST_F(semaphore, loses_no_permit_if_a_task_is_cancelled_as_it_receives_one) {
    start(tasks_, 1);
    start(tasks_, 2);
    aio::task_group stopped(loop_.executor());
    start(stopped, 3);
    start(tasks_, 4);
    loop_.post([this, &stopped] {
        permits_.pop_front();
        stopped.cancel();
    });
    run();
    while (!permits_.empty()) release();
    EXPECT_EQ(admitted_.back(), 4);
    EXPECT_TRUE(semaphore_.is_idle());
}

TEST_F(semaphore, removes_a_cancelled_task_from_the_queue) {
    start(tasks_, 1);
    start(tasks_, 2);
    aio::task_group stopped(loop_.executor());
    start(stopped, 3);
    loop_.post([&stopped] { stopped.cancel(); });
    run();
    EXPECT_EQ(cancelled_, (std::vector{3}));
    EXPECT_EQ(semaphore_.waiting(), 0U);
}

}  // namespace
