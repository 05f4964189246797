#include "app/ownership.hpp"

#include <gtest/gtest.h>

#include <map>

#include "test/support/fake_lease_manager.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using namespace std::chrono_literals;
using app::owner_of;
using names = std::vector<std::string>;

std::vector<std::string> keys(int count) {
    std::vector<std::string> result;
    result.reserve(static_cast<std::size_t>(count));
    for (int number = 0; number < count; ++number) result.push_back("db-" + std::to_string(number));
    return result;
}

TEST(owner_of, divides_the_keys_evenly) {
    const names holders{"dbaas-0-a", "dbaas-1-b", "dbaas-2-c", "dbaas-3-d", "dbaas-4-e"};
    std::map<std::string_view, int> shares;
    for (const auto& key : keys(5000)) ++shares[owner_of(key, holders)];
    ASSERT_EQ(shares.size(), holders.size());
    for (const auto& [holder, count] : shares) EXPECT_NEAR(count, 1000, 100) << holder;
}

TEST(owner_of, moves_only_the_share_of_a_holder_that_leaves) {
    const names before{"a", "b", "c"};
    const names after{"a", "c"};
    for (const auto& key : keys(1000)) {
        const auto owner = owner_of(key, before);
        if (owner != "b") EXPECT_EQ(owner_of(key, after), owner) << key;
    }
}

TEST(owner_of, is_independent_of_the_order_and_empty_without_holders) {
    for (const auto& key : keys(50))
        EXPECT_EQ(owner_of(key, {"a", "b"}), owner_of(key, {"b", "a"}));
    EXPECT_EQ(owner_of("db-1", {}), "");
}

class ownership : public testing::Test {
  protected:
    struct replica {
        replica(std::string name, ports::lease_manager* leases, const base::clock& clock)
            : subject({.leases = leases, .clock = clock, .log = obs::null_log()},
                      {.replica = std::move(name), .replicas_max = 3}) {
            subject.on_change([this](const auto&) { ++changes; });
        }
        [[nodiscard]] int share() const {
            int owned = 0;
            for (const auto& key : keys(100)) owned += subject.owns(key) ? 1 : 0;
            return owned;
        }
        app::ownership subject;
        int changes = 0;
    };
    base::outcome<void> renew(replica& target) {
        return fakes::poll_until_done<void>(loop_, [&] { return target.subject.renew(); });
    }
    // Returns the number of keys with exactly one owner.
    [[nodiscard]] int owned_once() const {
        int count = 0;
        for (const auto& key : keys(100)) {
            count += (first_.subject.owns(key) ? 1 : 0) + (second_.subject.owns(key) ? 1 : 0) == 1;
        }
        return count;
    }

    fakes::manual_clock clock_;
    aio::loop loop_;
    fakes::fake_lease_manager leases_{clock_};
    fakes::fake_lease_manager other_leases_{clock_, leases_};
    replica first_{"first", &leases_, clock_};
    replica second_{"second", &other_leases_, clock_};
};

// Counts the holders whose leases were released.
class counted_leases final : public ports::lease_manager {
  public:
    explicit counted_leases(fakes::fake_lease_manager& target) : target_(target) {}
    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override {
        return target_.hold(std::move(name), std::move(holder), duration);
    }
    aio::task<void> release(std::string name, std::string holder) override {
        released[name + " of " + holder] += 1;
        if (fails) co_return base::fail(base::errc::unavailable, "no response");
        co_return co_await target_.release(std::move(name), std::move(holder));
    }
    aio::task<std::vector<std::string>> live_holders(std::string prefix) override {
        return target_.live_holders(std::move(prefix));
    }
    std::map<std::string, int> released;
    bool fails = false;

  private:
    fakes::fake_lease_manager& target_;
};

TEST_F(ownership, releases_the_expired_lease_of_a_lost_holder_until_it_succeeds) {
    counted_leases counted(leases_);
    replica watcher("a-watcher", &counted, clock_);
    ASSERT_TRUE(renew(second_));
    ASSERT_TRUE(renew(watcher));
    ASSERT_EQ(watcher.subject.replicas(), 2U);
    for (int second = 0; second < 12; second += 2) {
        clock_.advance(2s);
        ASSERT_TRUE(renew(watcher));
    }
    ASSERT_EQ(watcher.subject.replicas(), 1U);
    const auto calls = [&] { return counted.released["dbaas-replica-0 of second"]; };
    EXPECT_EQ(calls(), 1);
    ASSERT_TRUE(renew(watcher));
    EXPECT_EQ(calls(), 1);

    counted.fails = true;
    ASSERT_TRUE(renew(second_));
    ASSERT_TRUE(renew(watcher));
    ASSERT_EQ(watcher.subject.replicas(), 2U);
    clock_.advance(11s);
    ASSERT_TRUE(renew(watcher));
    clock_.advance(1s);
    EXPECT_TRUE(renew(watcher)) << "the renewal itself succeeds";
    EXPECT_EQ(calls(), 2);
    counted.fails = false;
    ASSERT_TRUE(renew(watcher));
    ASSERT_TRUE(renew(watcher));
    EXPECT_EQ(calls(), 3);
}

TEST_F(ownership, belongs_to_a_process_without_leases) {
    const replica alone("alone", nullptr, clock_);
    EXPECT_EQ(alone.share(), 100);
    EXPECT_EQ(alone.subject.replicas(), 1U);
}

TEST_F(ownership, begins_with_the_lease) {
    EXPECT_EQ(first_.share(), 0);
    ASSERT_TRUE(renew(first_));
    EXPECT_EQ(first_.share(), 100);
    EXPECT_EQ(first_.changes, 1);
    ASSERT_TRUE(renew(first_));
    EXPECT_EQ(first_.changes, 1);
}

TEST_F(ownership, is_divided_among_the_holders) {
    ASSERT_TRUE(renew(first_));
    ASSERT_TRUE(renew(second_));
    ASSERT_TRUE(renew(first_));
    EXPECT_EQ(first_.subject.replicas(), 2U);
    EXPECT_EQ(owned_once(), 100);
    EXPECT_GT(first_.share(), 20);
    EXPECT_GT(second_.share(), 20);
}

TEST_F(ownership, passes_to_the_others_after_a_release) {
    ASSERT_TRUE(renew(first_));
    ASSERT_TRUE(renew(second_));
    ASSERT_TRUE(fakes::poll_until_done<void>(loop_, [&] { return first_.subject.release(); }));
    EXPECT_EQ(first_.share(), 0);
    ASSERT_TRUE(renew(second_));
    EXPECT_EQ(second_.share(), 100);
}

TEST_F(ownership, ends_with_the_lease_although_no_call_has_failed) {
    ASSERT_TRUE(renew(first_));
    ASSERT_TRUE(renew(second_));
    clock_.advance(11s);
    ASSERT_TRUE(renew(second_));
    EXPECT_GT(first_.share(), 0);
    clock_.advance(1s);
    EXPECT_EQ(first_.share(), 0);  // suspended, for example
    ASSERT_TRUE(renew(second_));
    EXPECT_EQ(second_.share(), 100);
}

TEST_F(ownership, survives_failed_renewals_until_the_lease_expires) {
    ASSERT_TRUE(renew(first_));
    leases_.fail_with(base::failure{.code = base::errc::unavailable, .text = "no connection"});
    clock_.advance(11s);
    EXPECT_FALSE(renew(first_));
    EXPECT_EQ(first_.share(), 100);
    clock_.advance(1s);
    EXPECT_FALSE(renew(first_));
    EXPECT_EQ(first_.share(), 0);
    EXPECT_EQ(first_.subject.replicas(), 0U);
    leases_.fail_with(std::nullopt);
    ASSERT_TRUE(renew(first_));
    EXPECT_EQ(first_.share(), 100);
}

TEST_F(ownership, takes_another_lease_if_its_own_was_taken) {
    ASSERT_TRUE(renew(first_));
    clock_.advance(12s);
    ASSERT_TRUE(renew(second_));  // takes the first lease, which has expired
    ASSERT_TRUE(renew(first_));
    ASSERT_TRUE(renew(second_));
    EXPECT_EQ(owned_once(), 100);
    EXPECT_GT(first_.share(), 20);
}

TEST_F(ownership, has_an_error_if_every_lease_is_held) {
    std::vector<std::unique_ptr<replica>> others;
    for (const auto* name : {"a", "b", "c"}) {
        others.push_back(std::make_unique<replica>(name, &other_leases_, clock_));
        ASSERT_TRUE(renew(*others.back()));
    }
    const auto renewed = renew(first_);
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, base::errc::limit);
    EXPECT_TRUE(renewed.error().text.contains("dbaas-replica-2")) << renewed.error().text;
    EXPECT_EQ(first_.share(), 0);
}

}  // namespace
