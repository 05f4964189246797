#include "aio/run_on_cancellable.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "aio/block_on.hpp"
#include "test/support/threaded_loop.hpp"

namespace aio {
namespace {

using base::errc;

TEST(run_on_cancellable, runs_work_on_the_other_loop_and_converts_an_exception) {
    fakes::threaded_loop other;
    std::thread::id worked{};
    const auto result = block_on(run_on_cancellable<int>(other.executor(), [&]() -> task<int> {
        worked = std::this_thread::get_id();
        co_return 9;
    }));
    EXPECT_EQ(result, 9);
    EXPECT_EQ(worked, other.id());
    const auto failed = block_on(run_on_cancellable<int>(
        other.executor(), []() -> task<int> { throw std::runtime_error("broken"); }));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, errc::internal);
}

TEST(run_on_cancellable, cancels_the_work_with_its_caller) {
    for (const bool is_early : {false, true}) {
        fakes::threaded_loop other;
        loop loop;
        task_group group(loop.executor());
        base::outcome<void> seen;
        std::thread::id ended{};
        group.spawn([&]() -> task<> {
            seen = co_await run_on_cancellable<void>(other.executor(), [&]() -> task<> {
                if (!is_early) aio::post(loop.executor(), [&] { group.cancel(); });
                auto result = co_await until_cancelled();
                ended = std::this_thread::get_id();
                co_return result;
            });
            co_return base::ok();
        });
        if (is_early) group.cancel();
        loop.run();
        ASSERT_FALSE(seen);
        EXPECT_EQ(seen.error().code, errc::cancelled);
        EXPECT_EQ(ended, other.id());
    }
}

TEST(run_on_cancellable, returns_the_result_of_work_that_ended_before_the_cancellation) {
    fakes::threaded_loop other;
    loop loop;
    task_group group(loop.executor());
    base::outcome<int> seen;
    group.spawn([&]() -> task<> {
        seen =
            co_await run_on_cancellable<int>(other.executor(), []() -> task<int> { co_return 9; });
        group.cancel();
        co_return base::ok();
    });
    loop.run();
    EXPECT_EQ(seen, 9);
}

}  // namespace
}  // namespace aio
