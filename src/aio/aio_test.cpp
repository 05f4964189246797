#include "aio/aio.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "aio/block_on.hpp"
#include "aio/blocking.hpp"
#include "aio/completion.hpp"
#include "aio/deadline.hpp"
#include "aio/run_on.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/threaded_loop.hpp"

namespace aio {
namespace {

using base::errc;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

const auto never = base::steady_time::max();

task<int> value_of(int value) {
    co_return value;
}

// Sleeps until it is cancelled, and stores whether it was.
task<> sleeper(bool* was_cancelled) {
    const auto slept = co_await sleep_for(hours(1));
    *was_cancelled = !slept && slept.error().code == errc::cancelled;
    const auto again = co_await sleep_for(hours(1));  // a cancelled task must not wait again
    if (again) co_return base::fail(errc::internal, "slept after cancellation");
    co_return slept;
}

TEST(block_on, returns_the_result) {
    const auto result = block_on(value_of(42));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 42);
}

task<int> broken_task() {
    throw std::runtime_error("broken");
    co_return 1;
}

void expect_broken(const base::outcome<int>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::internal);
    EXPECT_EQ(result.error().text, "exception: broken");
}

TEST(block_on, converts_an_exception_to_a_failure) {
    expect_broken(block_on(broken_task()));
}

// A clock that a test moves. fakes::manual_clock is not for aio, which test_support includes.
class stepped_clock final : public base::clock {
  public:
    [[nodiscard]] base::steady_time now() const noexcept override { return now_; }
    [[nodiscard]] base::instant utc_now() const noexcept override { return {}; }
    bool call_at(base::steady_time time, std::function<void()> wake) const override {
        end_ = time;
        wake_ = std::move(wake);
        return true;
    }
    void move_to_end() {
        now_ = end_;
        wake_();
    }

  private:
    base::steady_time now_{};
    mutable base::steady_time end_{};
    mutable std::function<void()> wake_;
};

TEST(yield, lets_ready_handlers_run_first) {
    const auto ended = block_on([]() -> task<> {
        std::string order;
        post(co_await this_executor(), [&] { order += 'a'; });
        co_await yield();
        order += 'b';
        EXPECT_EQ(order, "ab");
        co_return base::ok();
    }());
    EXPECT_TRUE(ended);
}

TEST(sleep_until, ends_when_a_simulated_clock_has_reached_the_time) {
    const auto slept = block_on([]() -> task<> {
        const auto executor = co_await this_executor();
        stepped_clock clock;
        task_group group(executor);
        bool has_slept = false;
        group.spawn([&]() -> task<> {
            auto woken = co_await sleep_for(clock, hours(1));
            has_slept = woken.has_value();
            co_return woken;
        });
        (void)co_await sleep_for(milliseconds(0));
        EXPECT_FALSE(has_slept);
        clock.move_to_end();
        auto joined = co_await group.join();
        EXPECT_TRUE(has_slept);
        EXPECT_EQ(clock.now(), base::steady_time{} + hours(1));
        co_return joined;
    }());
    EXPECT_TRUE(slept);
}

TEST(sleep_until, on_a_simulated_clock_is_cancelled_before_the_time) {
    const auto result = block_on([]() -> task<> {
        const auto executor = co_await this_executor();
        stepped_clock clock;
        task_group group(executor);
        base::outcome<void> woken;
        group.spawn([&]() -> task<> {
            woken = co_await sleep_for(clock, hours(1));
            co_return woken;
        });
        (void)co_await sleep_for(milliseconds(0));
        group.cancel();
        auto joined = co_await group.join();
        EXPECT_EQ(woken.error().code, errc::cancelled);
        clock.move_to_end();  // the sleep has ended
        co_return joined;
    }());
    EXPECT_TRUE(result);
}

TEST(sleep_until, returns_immediately_for_a_past_time) {
    EXPECT_TRUE(block_on(sleep_until(base::steady_time::min())));
}

TEST(until_cancelled, returns_when_the_coroutine_is_cancelled) {
    loop loop;
    task_group group(loop.executor());
    errc code = errc::internal;
    group.spawn([&]() -> task<> {
        const auto result = co_await until_cancelled();
        if (!result) code = result.error().code;
        co_return base::ok();
    });
    loop.poll();
    EXPECT_EQ(group.size(), 1u);
    group.cancel();
    loop.run();
    EXPECT_EQ(code, errc::cancelled);
}

TEST(with_deadline, returns_a_result_before_the_deadline) {
    const auto result = block_on(with_deadline(never, value_of(7)));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 7);
}

TEST(with_deadline, returns_a_failure_immediately) {
    const auto result = block_on(
        with_deadline(never, []() -> task<int> { co_return base::fail(errc::denied, "no"); }()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::denied);
}

TEST(with_deadline, converts_an_exception_to_a_failure) {
    expect_broken(block_on(with_deadline(never, broken_task())));
}

TEST(with_deadline, cancels_late_work_and_awaits_its_end) {
    bool was_cancelled = false;
    const auto result = block_on(with_deadline(steady_clock::now(), sleeper(&was_cancelled)));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::timed_out);
    EXPECT_TRUE(was_cancelled);
}

TEST(with_deadline, keeps_a_result_that_arrives_after_the_deadline) {
    const auto result = block_on(with_deadline(steady_clock::now(), []() -> task<int> {
        const auto slept = co_await sleep_for(hours(1));
        co_return slept ? 0 : 5;
    }()));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 5);
}

TEST(with_deadline, propagates_cancellation_to_the_work) {
    loop loop;
    task_group group(loop.executor());
    bool inner_cancelled = false;
    errc outer = errc::internal;
    group.spawn([&]() -> task<> {
        const auto result = co_await with_deadline(never, sleeper(&inner_cancelled));
        if (!result) outer = result.error().code;
        co_return base::ok();
    });
    loop.poll();
    group.cancel();
    loop.run();
    EXPECT_TRUE(inner_cancelled);
    EXPECT_EQ(outer, errc::cancelled);
}

TEST(task_group, cancels_and_joins_its_children) {
    loop loop;
    task_group group(loop.executor());
    bool first = false, second = false;
    EXPECT_TRUE(group.spawn(sleeper(&first)));
    EXPECT_TRUE(group.spawn([&second] { return sleeper(&second); }));
    loop.poll();
    EXPECT_EQ(group.size(), 2u);
    group.cancel();
    task_group joiner(loop.executor());
    bool joined = false;
    joiner.spawn([&]() -> task<> {
        const auto done = co_await group.join();
        joined = done.has_value();
        co_return base::ok();
    });
    loop.run();
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_TRUE(joined);
    EXPECT_EQ(group.size(), 0u);
}

TEST(task_group, cancels_a_child_before_its_first_step) {
    loop loop;
    task_group group(loop.executor());
    bool was_cancelled = false;
    group.spawn(sleeper(&was_cancelled));
    group.cancel();
    loop.run();
    EXPECT_TRUE(was_cancelled);
}

TEST(task_group, rejects_children_after_close) {
    loop loop;
    task_group group(loop.executor());
    group.close();
    bool ran = false;
    EXPECT_FALSE(group.spawn([&]() -> task<> {
        ran = true;
        co_return base::ok();
    }));
    loop.run();
    EXPECT_FALSE(ran);
}

TEST(task_group, reports_failures_but_not_cancellations) {
    loop loop;
    task_group group(loop.executor());
    std::vector<errc> seen;
    group.on_failure([&](const base::failure& error) { seen.push_back(error.code); });
    bool was_cancelled = false;
    group.spawn([]() -> task<> { co_return base::fail(errc::unavailable, "down"); });
    group.spawn([]() -> task<> {
        throw std::runtime_error("broken");
        co_return base::ok();
    });
    group.spawn(sleeper(&was_cancelled));
    loop.poll();
    group.cancel();
    loop.run();
    EXPECT_EQ(seen, (std::vector{errc::unavailable, errc::internal}));
}

TEST(task_group, runs_ten_thousand_children) {
    loop loop;
    task_group group(loop.executor());
    int done = 0;
    for (int i = 0; i < 10'000; ++i) {
        group.spawn([&done]() -> task<> {
            const auto slept = co_await sleep_until(base::steady_time::min());
            done += slept ? 1 : 0;
            co_return base::ok();
        });
    }
    loop.run();
    EXPECT_EQ(done, 10'000);
}

TEST(notification, merges_notifications_into_one_wakeup) {
    loop loop;
    notification changed(loop.executor());
    task_group group(loop.executor());
    int woken = 0;
    changed.notify();
    changed.notify();
    group.spawn([&]() -> task<> {
        while (true) {
            const auto waited = co_await changed.wait();
            if (!waited) co_return waited;
            ++woken;
        }
    });
    loop.poll();
    EXPECT_EQ(woken, 1);
    changed.notify();
    loop.poll();
    EXPECT_EQ(woken, 2);
    group.cancel();
    loop.run();
    EXPECT_EQ(group.size(), 0u);
}

TEST(notification, reports_a_timeout) {
    loop loop;
    notification changed(loop.executor());
    task_group group(loop.executor());
    std::optional<bool> first, second;
    group.spawn([&]() -> task<> {
        const auto late = co_await changed.wait_until(base::steady_time::min());
        if (late) first = *late;
        changed.notify();
        const auto early = co_await changed.wait_until(never);
        if (early) second = *early;
        co_return base::ok();
    });
    loop.run();
    EXPECT_EQ(first, false);
    EXPECT_EQ(second, true);
}

TEST(notification, times_out_when_its_manual_clock_reaches_the_end) {
    loop loop;
    fakes::manual_clock clock;
    notification changed(loop.executor(), clock);
    task_group group(loop.executor());
    std::vector<bool> results;
    group.spawn([&]() -> task<> {
        while (true) {
            const auto notified = co_await changed.wait_for(std::chrono::seconds(5));
            if (!notified) co_return base::pass(notified);
            results.push_back(*notified);
        }
    });
    loop.poll();
    clock.advance(std::chrono::seconds(4));
    loop.poll();
    EXPECT_EQ(results, std::vector<bool>{});
    changed.notify();
    loop.poll();
    EXPECT_EQ(results, std::vector<bool>{true});
    clock.advance(std::chrono::seconds(1));  // the end of the first wait
    loop.poll();
    EXPECT_EQ(results, std::vector<bool>{true});
    clock.advance(std::chrono::seconds(4));
    loop.poll();
    EXPECT_EQ(results, (std::vector<bool>{true, false}));
    group.cancel();
    loop.run();
    EXPECT_EQ(group.size(), 0u);
}

TEST(run_blocking, returns_the_result_on_the_calling_loop) {
    blocking_pool pool(2, 16);
    const auto here = std::this_thread::get_id();
    std::thread::id worked{}, continued{};
    const auto result = block_on([&]() -> task<int> {
        const auto value = co_await run_blocking<int>(pool, [&]() -> base::outcome<int> {
            worked = std::this_thread::get_id();
            return 3;
        });
        continued = std::this_thread::get_id();
        co_return value;
    }());
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 3);
    EXPECT_NE(worked, here);
    EXPECT_EQ(continued, here);
}

TEST(run_blocking, converts_an_exception_to_a_failure) {
    blocking_pool pool(1, 1);
    const auto result = block_on(run_blocking<int>(
        pool, []() -> base::outcome<int> { throw std::runtime_error("disk gone"); }));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::internal);
    EXPECT_NE(result.error().text.find("disk gone"), std::string::npos);
}

TEST(run_blocking, fails_with_limit_when_the_queue_is_full) {
    blocking_pool pool(1, 0);
    const auto result = block_on(run_blocking<int>(pool, []() -> base::outcome<int> { return 1; }));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::limit);
}

TEST(blocking_pool, finishes_accepted_work_on_destruction) {
    std::atomic<int> done{0};
    {
        blocking_pool pool(2, 1000);
        for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.submit([&done] { ++done; }));
    }
    EXPECT_EQ(done, 500);
}

TEST(run_on, runs_work_on_the_other_loop) {
    fakes::threaded_loop other;
    std::thread::id worked{};
    const auto executor = other.executor();
    const auto result = block_on([&]() -> task<int> {
        const auto value = co_await run_on<int>(executor, [&]() -> task<int> {
            worked = std::this_thread::get_id();
            co_return 9;
        });
        co_return value;
    }());
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 9);
    EXPECT_EQ(worked, other.id());
}

TEST(run_on, converts_an_exception_to_a_failure) {
    fakes::threaded_loop other;
    expect_broken(block_on(run_on<int>(other.executor(), broken_task)));
    expect_broken(block_on(
        run_on<int>(other.executor(), []() -> task<int> { throw std::runtime_error("broken"); })));
}

TEST(periodic, continues_after_a_failed_step_and_ends_when_cancelled) {
    loop loop;
    task_group group(loop.executor());
    int steps = 0, failures = 0;
    group.spawn([&] {
        return periodic({.on_failure = [&](const base::failure&) { ++failures; }}, [&]() -> task<> {
            if (++steps == 3) group.cancel();
            co_return base::fail(errc::unavailable, "not yet");
        });
    });
    loop.run();
    EXPECT_EQ(steps, 3);
    EXPECT_EQ(failures, 3);
}

TEST(periodic, runs_its_steps_on_a_manual_clock) {
    loop loop;
    fakes::manual_clock clock;
    task_group group(loop.executor());
    int steps = 0;
    group.spawn([&] {
        return periodic({.period = std::chrono::hours(1), .clock = &clock}, [&]() -> task<> {
            ++steps;
            co_return base::ok();
        });
    });
    loop.poll();
    EXPECT_EQ(steps, 1);
    clock.advance(std::chrono::minutes(59));
    loop.poll();
    EXPECT_EQ(steps, 1);
    clock.advance(std::chrono::minutes(1));
    loop.poll();
    EXPECT_EQ(steps, 2);
    group.cancel();
    loop.run();
}

TEST(backoff, doubles_up_to_the_max_and_restarts_after_reset) {
    backoff waits({.first = milliseconds(100), .max = milliseconds(350), .jitter = 0}, 1);
    EXPECT_EQ(waits.next(), milliseconds(100));
    EXPECT_EQ(waits.next(), milliseconds(200));
    EXPECT_EQ(waits.next(), milliseconds(350));
    EXPECT_EQ(waits.next(), milliseconds(350));
    EXPECT_EQ(waits.attempts(), 4);
    waits.reset();
    EXPECT_EQ(waits.next(), milliseconds(100));
}

TEST(backoff, spreads_delays_within_the_jitter) {
    backoff waits({.first = milliseconds(1000), .max = milliseconds(1000), .jitter = 0.5}, 7);
    bool differs = false;
    auto last = waits.next();
    for (int i = 0; i < 100; ++i) {
        const auto wait = waits.next();
        EXPECT_GE(wait, milliseconds(1000));
        EXPECT_LE(wait, milliseconds(1500));
        differs = differs || wait != last;
        last = wait;
    }
    EXPECT_TRUE(differs);
}

}  // namespace
TEST(completion, delivers_a_result_from_another_thread) {
    auto work = []() -> aio::task<int> {
        const auto executor = co_await aio::this_executor();
        aio::completion<int> result(executor);
        std::thread other([result]() mutable { result.complete(7); });
        const auto delivered = co_await result.wait();
        other.join();
        co_return delivered;
    };
    EXPECT_EQ(aio::block_on(work()).value(), 7);
}

// The producer may use its copy after the loop has been destroyed.
TEST(completion, may_be_destroyed_after_the_loop) {
    std::optional<aio::completion<int>> shared;
    const auto delivered = aio::block_on([&]() -> aio::task<int> {
        const auto executor = co_await aio::this_executor();
        shared.emplace(executor);
        std::thread other([result = *shared]() mutable { result.complete(7); });
        const auto value = co_await shared->wait();
        other.join();
        co_return value;
    }());
    EXPECT_EQ(delivered.value(), 7);
    shared.reset();
}

TEST(completion, wait_returns_a_result_that_is_already_complete) {
    auto work = []() -> aio::task<int> {
        const auto executor = co_await aio::this_executor();
        aio::completion<int> result(executor);
        result.complete(8);
        auto slept = co_await aio::sleep_for(std::chrono::nanoseconds(0));
        if (!slept) co_return base::pass(std::move(slept));
        co_return co_await result.wait();
    };
    EXPECT_EQ(aio::block_on(work()).value(), 8);
}

}  // namespace aio
