#pragma once
// The contract suite of ports::lease_manager. The test of an adapter includes this file and
// instantiates the suite with a factory of lease_processes: two managers that share an empty set of
// leases and nothing else, as two processes would. Everything runs on one loop and a manual clock.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "ports/lease.hpp"
#include "test/support/manual_clock.hpp"

namespace fakes {

class lease_processes {
  public:
    virtual ~lease_processes() = default;
    virtual ports::lease_manager& first() = 0;
    virtual ports::lease_manager& second() = 0;
    // Makes every call fail with a code (unavailable or denied); nullopt ends that.
    virtual void fail_calls(std::optional<base::errc> code) = 0;
};

using lease_processes_factory =
    std::function<std::unique_ptr<lease_processes>(aio::executor, manual_clock&)>;

class lease_manager_contract : public ::testing::TestWithParam<lease_processes_factory> {
  protected:
    using names = std::vector<std::string>;
    static constexpr std::chrono::seconds term{15};

    void SetUp() override { processes_ = GetParam()(loop_.executor(), clock_); }

    template <class T>
    base::outcome<T> run(aio::task<T> work) {
        std::optional<base::outcome<T>> result;
        auto fill = [](aio::task<T> inner, std::optional<base::outcome<T>>* out) -> aio::task<> {
            out->emplace(co_await std::move(inner));
            co_return base::ok();
        };
        aio::task_group group(loop_.executor());
        group.spawn(fill(std::move(work), &result));
        loop_.run();
        if (!result) return base::fail(base::errc::internal, "the call did not end");
        return std::move(*result);
    }
    bool hold(ports::lease_manager& manager, std::string name, std::string holder,
              std::chrono::seconds duration = term) {
        const auto result = run(manager.hold(std::move(name), std::move(holder), duration));
        EXPECT_TRUE(result) << result.error().text;
        return result.value_or(false);
    }
    bool release(ports::lease_manager& manager, std::string name, std::string holder) {
        const auto released = run(manager.release(std::move(name), std::move(holder)));
        EXPECT_TRUE(released) << released.error().text;
        return released.has_value();
    }
    names live(ports::lease_manager& manager, std::string prefix) {
        const auto holders = run(manager.live_holders(std::move(prefix)));
        EXPECT_TRUE(holders) << holders.error().text;
        return holders.value_or(names{"failed"});
    }
    // Eight callers of two processes hold the lease at once. Returns the number of holders.
    aio::task<int> race() {
        const auto executor = co_await aio::this_executor();
        aio::task_group racing(executor);
        int winners = 0;
        for (int index = 0; index < 8; ++index) {
            auto& manager = index % 2 == 0 ? first() : second();
            const auto holder = "h" + std::to_string(index);
            racing.spawn([&manager, &winners, holder]() -> aio::task<> {
                const auto result = co_await manager.hold("leader", holder, term);
                EXPECT_TRUE(result) << result.error().text;
                if (result.value_or(false)) ++winners;
                co_return base::ok();
            });
        }
        co_await racing.join();
        co_return winners;
    }
    ports::lease_manager& first() { return processes_->first(); }
    ports::lease_manager& second() { return processes_->second(); }

    manual_clock clock_;
    aio::loop loop_;
    std::unique_ptr<lease_processes> processes_;
};

TEST_P(lease_manager_contract, hold_succeeds_for_one_holder_at_a_time) {
    EXPECT_TRUE(hold(first(), "leader", "a"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    EXPECT_FALSE(hold(first(), "leader", "c"));  // through the same manager
    EXPECT_TRUE(hold(second(), "other", "b"));
    EXPECT_TRUE(hold(first(), "leader", "a"));
}

TEST_P(lease_manager_contract, a_renewed_lease_does_not_expire) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    for (int attempt = 0; attempt < 10; ++attempt) {
        EXPECT_FALSE(hold(second(), "leader", "b"));
        clock_.advance(term - std::chrono::seconds(1));
        ASSERT_TRUE(hold(first(), "leader", "a"));
    }
}

TEST_P(lease_manager_contract, hold_succeeds_for_another_holder_after_the_lease_expired) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(term - std::chrono::seconds(1));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(std::chrono::seconds(1));
    EXPECT_TRUE(hold(second(), "leader", "b"));
    EXPECT_FALSE(hold(first(), "leader", "a"));  // the former holder returns too late
    clock_.advance(term);
    EXPECT_TRUE(hold(first(), "leader", "a"));
}

TEST_P(lease_manager_contract, a_lease_expires_after_the_duration_of_its_holder) {
    using std::chrono::seconds;
    ASSERT_TRUE(hold(first(), "leader", "a", seconds(60)));
    ASSERT_FALSE(hold(second(), "leader", "b", seconds(5)));
    clock_.advance(seconds(59));
    EXPECT_FALSE(hold(second(), "leader", "b", seconds(5)));
    clock_.advance(seconds(1));
    EXPECT_TRUE(hold(second(), "leader", "b", seconds(5)));
    ASSERT_FALSE(hold(first(), "leader", "a", seconds(60)));
    clock_.advance(seconds(5));
    EXPECT_TRUE(hold(first(), "leader", "a", seconds(60)));
}

// A process that has not seen the lease before does not know since when it is unchanged.
TEST_P(lease_manager_contract, a_new_process_can_hold_an_expired_lease_within_one_duration) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    clock_.advance(std::chrono::hours(1));
    const bool immediately = hold(second(), "leader", "b");
    clock_.advance(term);
    EXPECT_TRUE(immediately || hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, a_released_lease_is_free_immediately) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    ASSERT_TRUE(release(first(), "leader", "a"));
    EXPECT_TRUE(hold(second(), "leader", "b"));
    ASSERT_TRUE(release(second(), "leader", "b"));
    EXPECT_TRUE(hold(first(), "leader", "a"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, release_of_a_lease_that_is_not_held_has_no_effect) {
    EXPECT_TRUE(release(first(), "unknown", "a"));
    ASSERT_TRUE(hold(first(), "leader", "a"));
    EXPECT_TRUE(release(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "b"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "a"));
    EXPECT_TRUE(release(first(), "leader", "a"));
}

// A former holder must not release the lease of its successor.
TEST_P(lease_manager_contract, release_by_a_former_holder_has_no_effect) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(term);
    ASSERT_TRUE(hold(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "a"));
    EXPECT_FALSE(hold(first(), "leader", "c"));
    EXPECT_TRUE(hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, concurrent_holds_succeed_for_one_caller_and_fail_for_none) {
    EXPECT_EQ(run(race()).value(), 1);  // a lease without a former holder
    const auto winner = live(first(), "leader");
    ASSERT_EQ(winner.size(), 1U);
    ASSERT_FALSE(hold(second(), "leader", "late"));
    clock_.advance(term);
    EXPECT_EQ(run(race()).value(), 1);  // an expired lease
}

TEST_P(lease_manager_contract, live_holders_returns_the_holders_of_unexpired_leases_by_prefix) {
    EXPECT_EQ(live(first(), "replica-"), names{});
    ASSERT_TRUE(hold(first(), "replica-1", "b"));
    ASSERT_TRUE(hold(second(), "replica-2", "a"));
    ASSERT_TRUE(hold(second(), "replica-3", "a"));
    ASSERT_TRUE(hold(second(), "leader", "c"));
    EXPECT_EQ(live(first(), "replica-"), (names{"a", "b"}));
    EXPECT_EQ(live(second(), ""), (names{"a", "b", "c"}));
    clock_.advance(term - std::chrono::seconds(1));
    ASSERT_TRUE(hold(first(), "replica-1", "b"));
    ASSERT_TRUE(release(second(), "replica-3", "a"));
    EXPECT_EQ(live(second(), "replica-"), (names{"a", "b"}));
    clock_.advance(std::chrono::seconds(1));
    EXPECT_EQ(live(first(), "replica-"), names{"b"});  // "a" has not renewed
    EXPECT_EQ(live(second(), "replica-"), names{"b"});
}

TEST_P(lease_manager_contract, calls_return_the_error_and_succeed_after_it) {
    using enum base::errc;
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    for (const auto code : {unavailable, denied}) {
        processes_->fail_calls(code);
        EXPECT_EQ(run(first().hold("leader", "a", term)).error().code, code);
        EXPECT_EQ(run(first().hold("new", "a", term)).error().code, code);
        EXPECT_EQ(run(first().release("leader", "a")).error().code, code);
        EXPECT_EQ(run(first().live_holders("")).error().code, code);
        EXPECT_EQ(run(second().hold("leader", "b", term)).error().code, code);
        processes_->fail_calls(std::nullopt);
        EXPECT_FALSE(hold(second(), "leader", "b"));
        EXPECT_TRUE(hold(first(), "leader", "a"));
    }
    EXPECT_EQ(run(first().hold("leader", "a", std::chrono::seconds(0))).error().code, invalid);
    EXPECT_EQ(run(first().hold("leader", "", term)).error().code, invalid);
}

}  // namespace fakes
