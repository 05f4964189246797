#pragma once
// What every ports::lease_manager must do. An adapter's test includes this and instantiates it with
// a function that makes a lease_place: one empty place with two keepers in it, which share nothing
// else, as two processes would. All runs on the place's loop; time is the manual clock's.

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

class lease_place {
  public:
    virtual ~lease_place() = default;
    virtual ports::lease_manager& first() = 0;
    virtual ports::lease_manager& second() = 0;
    // Every call fails so (unavailable or denied), or all is well again.
    virtual void trouble(std::optional<base::errc> how) = 0;
};

using lease_place_factory =
    std::function<std::unique_ptr<lease_place>(aio::executor, manual_clock&)>;

class lease_manager_contract : public ::testing::TestWithParam<lease_place_factory> {
  protected:
    using names = std::vector<std::string>;
    static constexpr std::chrono::seconds term{15};

    void SetUp() override { place_ = GetParam()(loop_.executor(), clock_); }

    template <class T>
    base::outcome<T> run(aio::task<T> work) {
        std::optional<base::outcome<T>> result;
        auto fill = [](aio::task<T> inner, std::optional<base::outcome<T>>* into) -> aio::task<> {
            into->emplace(co_await std::move(inner));
            co_return base::ok();
        };
        aio::task_group group(loop_.executor());
        group.spawn(fill(std::move(work), &result));
        loop_.run();
        if (!result) return base::fail(base::errc::internal, "the call did not end");
        return std::move(*result);
    }
    bool hold(ports::lease_manager& by, std::string name, std::string holder,
              std::chrono::seconds duration = term) {
        const auto held = run(by.hold(std::move(name), std::move(holder), duration));
        EXPECT_TRUE(held) << held.error().text;
        return held.value_or(false);
    }
    bool release(ports::lease_manager& by, std::string name, std::string holder) {
        const auto released = run(by.release(std::move(name), std::move(holder)));
        EXPECT_TRUE(released) << released.error().text;
        return released.has_value();
    }
    names live(ports::lease_manager& by, std::string prefix) {
        const auto found = run(by.live_holders(std::move(prefix)));
        EXPECT_TRUE(found) << found.error().text;
        return found.value_or(names{"failed"});
    }
    ports::lease_manager& first() { return place_->first(); }
    ports::lease_manager& second() { return place_->second(); }

    manual_clock clock_;
    aio::loop loop_;
    std::unique_ptr<lease_place> place_;
};

TEST_P(lease_manager_contract, has_one_holder_at_a_time) {
    EXPECT_TRUE(hold(first(), "leader", "a"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    EXPECT_FALSE(hold(first(), "leader", "c"));  // through the same keeper, too
    EXPECT_TRUE(hold(second(), "other", "b"));
    EXPECT_TRUE(hold(first(), "leader", "a"));
}

TEST_P(lease_manager_contract, lasts_as_long_as_it_is_renewed) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    for (int turn = 0; turn < 10; ++turn) {
        EXPECT_FALSE(hold(second(), "leader", "b"));
        clock_.advance(term - std::chrono::seconds(1));
        ASSERT_TRUE(hold(first(), "leader", "a"));
    }
}

TEST_P(lease_manager_contract, passes_on_when_its_holder_dies_and_not_before) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(term - std::chrono::seconds(1));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(std::chrono::seconds(1));
    EXPECT_TRUE(hold(second(), "leader", "b"));
    EXPECT_FALSE(hold(first(), "leader", "a"));  // it comes back, too late
    clock_.advance(term);
    EXPECT_TRUE(hold(first(), "leader", "a"));
}

TEST_P(lease_manager_contract, counts_the_duration_of_the_holder_and_not_of_the_asker) {
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

// Whoever has never looked before does not know since when a right is as it is.
TEST_P(lease_manager_contract, passes_on_to_a_newcomer_within_its_duration) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    clock_.advance(std::chrono::hours(1));
    const bool at_once = hold(second(), "leader", "b");
    clock_.advance(term);
    EXPECT_TRUE(at_once || hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, is_free_at_once_after_its_release) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    ASSERT_TRUE(release(first(), "leader", "a"));
    EXPECT_TRUE(hold(second(), "leader", "b"));
    ASSERT_TRUE(release(second(), "leader", "b"));
    EXPECT_TRUE(hold(first(), "leader", "a"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, releases_what_is_not_held_without_effect) {
    EXPECT_TRUE(release(first(), "nobody-knows-it", "a"));
    ASSERT_TRUE(hold(first(), "leader", "a"));
    EXPECT_TRUE(release(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "b"));
    EXPECT_FALSE(hold(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "a"));
    EXPECT_TRUE(release(first(), "leader", "a"));
}

// A former holder must not give away what is another's by now.
TEST_P(lease_manager_contract, does_not_release_what_another_has_taken_over) {
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    clock_.advance(term);
    ASSERT_TRUE(hold(second(), "leader", "b"));
    EXPECT_TRUE(release(first(), "leader", "a"));
    EXPECT_FALSE(hold(first(), "leader", "c"));
    EXPECT_TRUE(hold(second(), "leader", "b"));
}

TEST_P(lease_manager_contract, gives_a_race_to_one_and_fails_for_none) {
    const auto race = [this]() -> aio::task<int> {
        const auto on = co_await aio::this_executor();
        aio::task_group racing(on);
        int winners = 0;
        for (int index = 0; index < 8; ++index) {
            auto& by = index % 2 == 0 ? first() : second();
            const auto holder = "h" + std::to_string(index);
            racing.spawn([&by, &winners, holder]() -> aio::task<> {
                const auto held = co_await by.hold("leader", holder, term);
                EXPECT_TRUE(held) << held.error().text;
                if (held.value_or(false)) ++winners;
                co_return base::ok();
            });
        }
        co_await racing.join();
        co_return winners;
    };
    EXPECT_EQ(run(race()).value(), 1);  // for a right that nobody has had
    const auto winner = live(first(), "leader");
    ASSERT_EQ(winner.size(), 1U);
    ASSERT_FALSE(hold(second(), "leader", "late"));
    clock_.advance(term);
    EXPECT_EQ(run(race()).value(), 1);  // for one that has run out
}

TEST_P(lease_manager_contract, lists_live_holders_by_prefix) {
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
    EXPECT_EQ(live(first(), "replica-"), names{"b"});  // a has not renewed
    EXPECT_EQ(live(second(), "replica-"), names{"b"});
}

TEST_P(lease_manager_contract, says_why_it_fails_and_recovers) {
    using enum base::errc;
    ASSERT_TRUE(hold(first(), "leader", "a"));
    ASSERT_FALSE(hold(second(), "leader", "b"));
    for (const auto trouble : {unavailable, denied}) {
        place_->trouble(trouble);
        EXPECT_EQ(run(first().hold("leader", "a", term)).error().code, trouble);
        EXPECT_EQ(run(first().hold("new", "a", term)).error().code, trouble);
        EXPECT_EQ(run(first().release("leader", "a")).error().code, trouble);
        EXPECT_EQ(run(first().live_holders("")).error().code, trouble);
        EXPECT_EQ(run(second().hold("leader", "b", term)).error().code, trouble);
        place_->trouble(std::nullopt);
        EXPECT_FALSE(hold(second(), "leader", "b"));
        EXPECT_TRUE(hold(first(), "leader", "a"));
    }
    EXPECT_EQ(run(first().hold("leader", "a", std::chrono::seconds(0))).error().code, invalid);
    EXPECT_EQ(run(first().hold("leader", "", term)).error().code, invalid);
}

}  // namespace fakes
