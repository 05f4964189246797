#include "app/metrics_channel.hpp"

#include <gtest/gtest.h>

#include <map>

#include "test/support/fake_bus.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

class metrics_channel : public testing::Test {
  protected:
    struct replica {
        replica(metrics_channel& test, std::string name)
            : probe(registry),
              channel({.executor = test.loop_.executor(),
                       .bus = test.bus_,
                       .clock = test.clock_,
                       .log = test.log_,
                       .probe = probe,
                       .read = [this](const std::string& id) { return texts[id]; },
                       .take = [this](const std::string& id,
                                      const app::stored_metrics&) { ++received[id]; },
                       .on_gap = [this] { ++gaps; }},
                      {.replica = std::move(name), .message_bytes = 1000}) {}
        obs::registry registry;
        app::probe probe;
        std::map<std::string, std::string> texts;
        std::map<std::string, int> received;
        int gaps = 0;
        app::metrics_channel channel;
    };
    void SetUp() override {
        for (auto* each : {&first_, &second_}) {
            loops_.spawn([each] { return each->channel.run(); });
        }
        fakes::poll_until_idle(loop_);
    }
    void TearDown() override {
        loop_.post([this] { loops_.cancel(); });
        while (loops_.size() > 0) loop_.poll();
    }
    void publish(const std::string& id) {
        first_.texts[id] = app::encode({.state = app::metrics_state::stale, .reason = "paused"});
        first_.channel.publish(id);
    }
    void flush() {
        fakes::poll_until_idle(loop_);
        clock_.advance(100ms);
        fakes::poll_until_idle(loop_);
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::fake_bus bus_;
    fakes::recording_log log_;
    replica first_{*this, "first"};
    replica second_{*this, "second"};
    aio::task_group loops_{loop_.executor()};
};

TEST_F(metrics_channel, sends_a_batch_to_the_others_alone) {
    publish("db-a");
    publish("db-b");
    publish("db-a");
    EXPECT_TRUE(bus_.messages.empty());
    flush();
    EXPECT_EQ(bus_.messages.size(), 1U);
    bus_.deliver_all();
    EXPECT_EQ(second_.received, (std::map<std::string, int>{{"db-a", 1}, {"db-b", 1}}));
    EXPECT_TRUE(first_.received.empty());
}

TEST_F(metrics_channel, bounds_the_size_of_a_message) {
    for (int number = 100; number < 200; ++number) publish("db-" + std::to_string(number));
    flush();
    EXPECT_GT(bus_.messages.size(), 3U);
    for (const auto& [channel, message] : bus_.messages) EXPECT_LT(message.size(), 1100U);
    bus_.deliver_all();
    EXPECT_EQ(second_.received.size(), 100U);
}

TEST_F(metrics_channel, sends_nothing_about_a_database_without_text) {
    first_.channel.publish("db-of-another-owner");
    flush();
    EXPECT_TRUE(bus_.messages.empty());
    publish("db-a");
    flush();
    EXPECT_EQ(bus_.messages.size(), 1U);
}

TEST_F(metrics_channel, ignores_messages_of_another_format) {
    const auto text = app::encode({.state = app::metrics_state::stale, .reason = "paused"});
    for (const auto& message :
         {std::string(), std::string("\n"), "db-a " + text, "to all\ndb-a " + text,
          std::string("from third\ndb-a\n\ndb-b {}\n")}) {
        bus_.deliver("metrics", message);
    }
    EXPECT_TRUE(second_.received.empty());
    bus_.deliver("metrics", "from third\nvolume {}\ndb-a " + text);
    EXPECT_EQ(second_.received.size(), 1U);
}

TEST_F(metrics_channel, logs_the_first_failure_of_the_bus_until_it_succeeds) {
    const auto failures = [this] { return log_.lines_of("metrics_sync_publish_failed").size(); };
    for (const bool is_up : {false, false, true, false}) {
        bus_.is_up = is_up;
        publish("db-a");
        flush();
    }
    EXPECT_EQ(failures(), 2U);
}

TEST_F(metrics_channel, reports_interruptions) {
    bus_.resume();
    EXPECT_EQ(first_.gaps, 1);
    EXPECT_EQ(second_.gaps, 1);
}

}  // namespace
