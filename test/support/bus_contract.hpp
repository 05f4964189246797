#pragma once
// The contract suite of ports::bus. The test of an adapter includes this file and instantiates the
// suite with a factory of bus_world.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/bus.hpp"
#include "test/support/run_until.hpp"

namespace fakes {

// Two processes with one bus. An adapter of one process returns the same object twice.
class bus_world {
  public:
    bus_world() = default;
    bus_world(const bus_world&) = delete;
    bus_world& operator=(const bus_world&) = delete;
    virtual ~bus_world() = default;
    virtual ports::bus& first() = 0;
    virtual ports::bus& second() = 0;
};

// Returns nullptr if the servers of the adapter are not installed; the tests are then skipped.
using bus_world_factory = std::function<std::unique_ptr<bus_world>(aio::loop&)>;

class bus_contract : public ::testing::TestWithParam<bus_world_factory> {
  protected:
    using subscription = std::unique_ptr<ports::bus::subscription>;

    void SetUp() override {
        world_ = GetParam()(loop_);
        if (world_ == nullptr) GTEST_SKIP() << "the servers of this adapter are not installed";
    }
    // Returns a subscription that has begun. It appends "<prefix><message>" to received_.
    subscription subscribe(ports::bus& bus, const std::string& channel, const std::string& prefix) {
        const int before = resumed_;
        auto result = bus.subscribe(channel, {.on_message =
                                                  [this, prefix](const std::string& text) {
                                                      received_.push_back(prefix + text);
                                                  },
                                              .on_resumed = [this] { ++resumed_; }});
        EXPECT_EQ(resumed_, before);  // never inside subscribe()
        EXPECT_TRUE(run_until(loop_, [&] { return resumed_ > before; }));
        return result;
    }
    base::outcome<void> publish(ports::bus& bus, const std::string& channel,
                                const std::string& text) {
        return run_until_done<void>(loop_, [&] { return bus.publish(channel, text); });
    }
    bool receives(std::size_t count) {
        return run_until(loop_, [&] { return received_.size() >= count; });
    }

    aio::loop loop_;
    std::vector<std::string> received_;
    int resumed_ = 0;
    std::unique_ptr<bus_world> world_;
};

TEST_P(bus_contract, publish_notifies_the_subscribers_of_the_channel_only) {
    const auto first = subscribe(world_->first(), "one", "1");
    const auto second = subscribe(world_->second(), "one", "2");
    const auto other = subscribe(world_->first(), "two", "3");
    ASSERT_TRUE(publish(world_->first(), "one", "a"));
    ASSERT_TRUE(receives(2));
    std::ranges::sort(received_);
    EXPECT_EQ(received_, (std::vector<std::string>{"1a", "2a"}));
    received_.clear();
    ASSERT_TRUE(publish(world_->second(), "two", "b"));
    ASSERT_TRUE(receives(1));
    EXPECT_EQ(received_, std::vector<std::string>{"3b"});
    EXPECT_TRUE(world_->first().is_connected());
}

TEST_P(bus_contract, messages_of_one_publisher_arrive_in_order_with_all_bytes) {
    const auto subscribed = subscribe(world_->second(), "one", "");
    std::vector<std::string> messages{std::string("\0\r\n\xff", 4), ""};
    for (int index = 0; index < 100; ++index) messages.push_back(std::to_string(index));
    messages.emplace_back(std::size_t{64} * 1024, 'x');
    for (const auto& text : messages) ASSERT_TRUE(publish(world_->first(), "one", text));
    ASSERT_TRUE(receives(messages.size()));
    EXPECT_EQ(received_, messages);
}

TEST_P(bus_contract, an_ended_subscription_receives_nothing) {
    auto ended = subscribe(world_->second(), "one", "1");
    const auto second = subscribe(world_->second(), "one", "2");
    ended.reset();
    ASSERT_TRUE(publish(world_->first(), "one", "a"));
    ASSERT_TRUE(receives(1));
    EXPECT_EQ(received_, std::vector<std::string>{"2a"});
}

TEST_P(bus_contract, a_channel_can_be_subscribed_again) {
    subscribe(world_->second(), "one", "1").reset();
    const auto again = subscribe(world_->second(), "one", "2");
    ASSERT_TRUE(publish(world_->first(), "one", "a"));
    ASSERT_TRUE(receives(1));
    EXPECT_EQ(received_, std::vector<std::string>{"2a"});
}

TEST_P(bus_contract, a_subscriber_may_end_its_subscription_when_it_is_called) {
    subscription subscribed;
    int calls = 0;
    subscribed = world_->second().subscribe("one", {.on_message =
                                                        [&](const std::string&) {
                                                            ++calls;
                                                            subscribed.reset();
                                                        },
                                                    .on_resumed = [this] { ++resumed_; }});
    ASSERT_TRUE(run_until(loop_, [&] { return resumed_ == 1; }));
    const auto other = subscribe(world_->second(), "one", "");
    ASSERT_TRUE(publish(world_->first(), "one", "a"));
    ASSERT_TRUE(publish(world_->first(), "one", "b"));
    ASSERT_TRUE(receives(2));
    EXPECT_EQ(calls, 1);
}

TEST_P(bus_contract, publish_of_more_than_64_kib_is_a_limit_error) {
    const auto rejected =
        publish(world_->first(), "one", std::string((std::size_t{64} * 1024) + 1, 'x'));
    ASSERT_FALSE(rejected);
    EXPECT_EQ(rejected.error().code, base::errc::limit);
}

}  // namespace fakes
