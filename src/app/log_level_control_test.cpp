#include "app/log_level_control.hpp"

#include <gtest/gtest.h>

#include "test/support/fake_bus.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

class log_level_control : public testing::Test {
  protected:
    struct replica {
        replica(log_level_control& test, std::string name)
            : probe(registry),
              control({.executor = test.loop_.executor(),
                       .bus = &test.bus_,
                       .clock = test.clock_,
                       .log = test.log_,
                       .probe = probe,
                       .apply = [this](const obs::log_levels& levels) { applied = levels; }},
                      *obs::parse_log_levels("info"), std::move(name)) {}
        [[nodiscard]] std::string levels() const { return control.levels()->log_level; }
        obs::registry registry;
        app::probe probe;
        std::optional<obs::log_levels> applied;
        app::log_level_control control;
    };
    void SetUp() override {
        for (auto* each : {&first_, &second_}) {
            loops_.spawn([each] { return each->control.run(); });
        }
        settle();
    }
    void TearDown() override {
        loop_.post([this] { loops_.cancel(); });
        while (loops_.size() > 0) loop_.poll();
    }
    void settle() { fakes::poll_until_idle(loop_); }
    base::outcome<app::log_level_state> change(app::log_level_request wanted) {
        auto result = fakes::poll_until_done<app::log_level_state>(
            loop_, [&] { return first_.control.change_levels(std::move(wanted), {}); });
        settle();
        return result;
    }
    void advance(std::chrono::seconds duration) {
        clock_.advance(duration);
        settle();
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::fake_bus bus_;
    fakes::recording_log log_;
    replica first_{*this, "first"};
    replica second_{*this, "second"};
    aio::task_group loops_{loop_.executor()};
};

TEST_F(log_level_control, applies_levels_until_they_expire) {
    const auto begun = clock_.utc_now();
    const auto changed = change({.log_level = "info,scrape=debug", .duration = 60});
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->log_level, "info,scrape=debug");
    EXPECT_EQ(changed->configured, "info");
    EXPECT_EQ(changed->expires_at, begun + 60s);
    EXPECT_EQ(changed->replica, "first");
    ASSERT_TRUE(first_.applied);
    EXPECT_EQ(first_.applied->of(obs::log_module::scrape), obs::level::debug);
    advance(59s);
    EXPECT_EQ(first_.levels(), "info,scrape=debug");
    advance(1s);
    EXPECT_EQ(first_.levels(), "info");
    EXPECT_EQ(first_.applied->of(obs::log_module::scrape), obs::level::info);
    EXPECT_FALSE(first_.control.levels()->expires_at);
    EXPECT_EQ(log_.lines_of("log_level_restored").size(), 1U);
}

TEST_F(log_level_control, has_a_default_duration) {
    ASSERT_TRUE(change({.log_level = "debug"}));
    advance(app::log_level_commands::duration_default - 1s);
    EXPECT_EQ(first_.levels(), "debug");
    advance(1s);
    EXPECT_EQ(first_.levels(), "info");
}

TEST_F(log_level_control, replaces_levels_and_their_expiry) {
    ASSERT_TRUE(change({.log_level = "debug", .duration = 10}));
    advance(5s);
    ASSERT_TRUE(change({.log_level = "error", .duration = 10}));
    advance(9s);
    EXPECT_EQ(first_.levels(), "error");
    advance(1s);
    EXPECT_EQ(first_.levels(), "info");
}

TEST_F(log_level_control, sends_changes_to_the_other_replicas) {
    const auto changed = change({.log_level = "debug,kube=trace", .duration = 60});
    ASSERT_TRUE(changed);
    EXPECT_TRUE(changed->is_shared);
    bus_.deliver_all();
    EXPECT_EQ(second_.levels(), "debug,kube=trace");
    advance(60s);
    EXPECT_EQ(second_.levels(), "info");
}

TEST_F(log_level_control, restores_the_configured_levels_everywhere_on_request) {
    ASSERT_TRUE(change({.log_level = "debug"}));
    bus_.deliver_all();
    ASSERT_EQ(second_.levels(), "debug");
    ASSERT_TRUE(change({.restores_configured = true}));
    bus_.deliver_all();
    EXPECT_EQ(first_.levels(), "info");
    EXPECT_EQ(second_.levels(), "info");
}

TEST_F(log_level_control, reports_that_a_change_applies_to_one_replica_if_the_bus_is_down) {
    bus_.is_up = false;
    const auto changed = change({.log_level = "debug"});
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->is_shared);
    EXPECT_EQ(first_.levels(), "debug");
    EXPECT_EQ(second_.levels(), "info");
}

TEST_F(log_level_control, keeps_the_levels_of_a_client_if_the_configured_ones_change) {
    ASSERT_TRUE(change({.log_level = "debug", .duration = 60}));
    first_.control.configure(*obs::parse_log_levels("error"));
    EXPECT_EQ(first_.levels(), "debug");
    EXPECT_EQ(first_.control.levels()->configured, "error");
    advance(60s);
    EXPECT_EQ(first_.levels(), "error");
    first_.control.configure(*obs::parse_log_levels("warning"));
    EXPECT_EQ(first_.levels(), "warning");
    EXPECT_EQ(first_.applied->of(obs::log_module::api), obs::level::warning);
}

TEST_F(log_level_control, rejects_levels_and_durations_that_are_not_valid) {
    struct row {
        app::log_level_request wanted;
        const char* pointer = "";
        const char* code = "";
    };
    for (const auto& [wanted, pointer, code] :
         {row{{.log_level = "loud"}, "/log_level", "unknown_value"},
          row{{.log_level = "info,info"}, "/log_level", "repeated"},
          row{{}, "/log_level", "required"},
          row{{.log_level = "info", .duration = 0}, "/duration", "out_of_range"},
          row{{.log_level = "info", .duration = 86'401}, "/duration", "out_of_range"}}) {
        const auto changed = change(wanted);
        ASSERT_FALSE(changed);
        ASSERT_EQ(changed.error().fields.size(), 1U);
        EXPECT_EQ(changed.error().fields.front().pointer, pointer);
        EXPECT_EQ(changed.error().fields.front().code, code);
    }
    EXPECT_FALSE(first_.applied);
}

TEST_F(log_level_control, ignores_messages_of_another_format) {
    for (const auto* message : {"", "x", "other 5", "other 5 loud", "other -1 debug",
                                "other 999999 debug", "other x debug", "second 60 debug"}) {
        bus_.deliver("log-level", message);
    }
    EXPECT_EQ(second_.levels(), "info");
}

}  // namespace
