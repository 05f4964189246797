#include "app/bus_channel.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "aio/aio.hpp"
#include "test/support/fake_bus.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using namespace std::chrono_literals;

class bus_channel : public testing::Test {
  protected:
    void SetUp() override {
        channel_.subscribe(
            {.on_message = [this](const std::string& message) { received_.push_back(message); }});
    }
    void publish(const std::string& message) {
        const auto published =
            fakes::poll_until_done<void>(loop_, [&] { return channel_.publish(message); });
        ASSERT_EQ(published.has_value(), bus_.is_up);
    }
    [[nodiscard]] double delays() const { return probe_.bus_delay_seconds.sum(); }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::fake_bus bus_;
    obs::registry registry_;
    app::probe probe_{registry_};
    app::bus_channel channel_{bus_, "records", clock_, probe_};
    std::vector<std::string> received_;
};

TEST_F(bus_channel, ignores_messages_of_others_in_the_delay) {
    publish("own");
    clock_.advance(2s);
    bus_.deliver("records", "of another replica");
    EXPECT_EQ(delays(), 0);
    bus_.deliver("records", "own");
    EXPECT_EQ(delays(), 2);
    bus_.deliver("records", "own");  // a message that another replica sent
    EXPECT_EQ(delays(), 2);
    EXPECT_EQ(received_, (std::vector<std::string>{"of another replica", "own", "own"}));
}

TEST_F(bus_channel, skips_lost_messages_in_the_delay) {
    publish("lost");
    clock_.advance(1h);
    publish("second");
    clock_.advance(1s);
    bus_.deliver("records", "second");
    EXPECT_EQ(delays(), 1);
    bus_.deliver("records", "lost");
    EXPECT_EQ(delays(), 1);
}

TEST_F(bus_channel, counts_messages_and_bytes) {
    publish("12345");
    bus_.deliver("records", "123");
    bus_.is_up = false;
    publish("not counted");
    EXPECT_EQ(probe_.bus_messages_sent.value(), 1U);
    EXPECT_EQ(probe_.bus_bytes_sent.value(), 5U);
    EXPECT_EQ(probe_.bus_messages_received.value(), 1U);
    EXPECT_EQ(probe_.bus_bytes_received.value(), 3U);
}

}  // namespace
