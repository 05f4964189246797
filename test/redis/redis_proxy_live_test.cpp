// The Redis client through a proxy: one that knows few commands, and one that injects faults.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "redis/redis_bus.hpp"
#include "redis/redis_cache.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/fault_proxy.hpp"
#include "test/redis/redis_servers.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;
using base::errc;

class redis_proxy_live : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!is_redis_installed()) GTEST_SKIP() << "redis-server is not installed";
        server_ = std::make_unique<redis_server>(folder_, redis_server_options{});
    }
    static std::string url_of(const fault_proxy& proxy) {
        return fmt::format("redis://127.0.0.1:{}", proxy.port());
    }
    static bool is_probe(std::string_view bytes) {
        return bytes.find("HELLO") != std::string_view::npos ||
               bytes.find("CLUSTER") != std::string_view::npos ||
               bytes.find("ROLE") != std::string_view::npos;
    }
    void check_cache_and_bus(client_stage& stage) {
        ASSERT_TRUE(stage.wait_until_connected());
        EXPECT_EQ(stage.client().current_topology()->kind, redis::server_kind::proxy);
        const auto cache = redis::make_cache(stage.client());
        ASSERT_TRUE(run_until_done<void>(loop_, [&] { return cache->put("a", "1", 60s); }));
        EXPECT_EQ(get(*cache, "a").value(), "1");
        const auto bus = redis::make_bus(stage.client());
        int resumed = 0;
        int messages = 0;
        const auto subscribed = bus->subscribe(
            "c", {.on_message = [&](auto&) { ++messages; }, .on_resumed = [&] { ++resumed; }});
        ASSERT_TRUE(run_until(loop_, [&] { return resumed == 1; }));
        ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("c", "m"); }));
        EXPECT_TRUE(run_until(loop_, [&] { return messages == 1; }));
    }
    base::outcome<std::optional<std::string>> get(ports::cache& cache, const std::string& key) {
        return run_until_done<std::optional<std::string>>(loop_, [&] { return cache.get(key); });
    }

    server_folder folder_;
    std::unique_ptr<redis_server> server_;
    aio::loop loop_;
};

TEST_F(redis_proxy_live, works_with_a_proxy_that_rejects_unknown_commands) {
    fault_proxy proxy(server_->port(), [](std::string_view bytes) -> std::optional<std::string> {
        if (is_probe(bytes)) return "-ERR unknown command\r\n";
        return std::nullopt;
    });
    client_stage stage(loop_, url_of(proxy));
    check_cache_and_bus(stage);
}

TEST_F(redis_proxy_live, works_with_a_proxy_that_closes_at_unknown_commands) {
    fault_proxy proxy(server_->port(), [](std::string_view bytes) -> std::optional<std::string> {
        if (is_probe(bytes)) return "";
        return std::nullopt;
    });
    client_stage stage(loop_, url_of(proxy));
    check_cache_and_bus(stage);
}

TEST_F(redis_proxy_live, recognizes_a_server_that_speaks_resp2_only) {
    fault_proxy proxy(server_->port(), [](std::string_view bytes) -> std::optional<std::string> {
        if (bytes.find("HELLO") != std::string_view::npos)
            return "-ERR unknown command 'HELLO'\r\n";
        return std::nullopt;
    });
    client_stage stage(loop_, url_of(proxy));
    ASSERT_TRUE(stage.wait_until_connected());
    EXPECT_EQ(stage.client().current_topology()->kind, redis::server_kind::standalone);
    EXPECT_TRUE(stage.run({"SET", "a", "1"}, "a"));
}

TEST_F(redis_proxy_live, never_runs_a_command_twice_while_connections_are_cut) {
    fault_proxy proxy(server_->port());
    proxy.delay(1ms);
    client_stage stage(loop_, url_of(proxy), {.reconnect = {.first = 2ms, .max = 5ms}});
    ASSERT_TRUE(stage.wait_until_connected());
    constexpr int rounds = 40;
    constexpr int calls_of_round = 10;
    int confirmed = 0;
    int unconfirmed = 0;
    for (int round = 0; round < rounds; ++round) {
        // run_until_done() keeps the lambda until its coroutine has ended.
        const auto burst =  // NOLINTNEXTLINE(*-avoid-capturing-lambda-coroutines)
            [&]() -> aio::task<void> {
            aio::task_group callers(loop_.executor());
            for (int call = 0; call < calls_of_round; ++call) {
                callers.spawn([&]() -> aio::task<> {
                    const auto result = co_await stage.client().execute(
                        {.words = {"INCR", "count"},
                         .key = "count",
                         .safety = redis::repeatability::not_repeatable});
                    if (result) {
                        ++confirmed;
                    } else if (result.error().cause == redis::failure_cause::unconfirmed_write) {
                        ++unconfirmed;
                    }
                    co_return base::ok();
                });
            }
            if (round % 2 == 0) {
                const auto slept = co_await aio::sleep_for(1ms * (round % 7));
                if (!slept) co_return slept;
                proxy.cut();
            }
            co_return co_await callers.join();
        };
        ASSERT_TRUE(run_until_done<void>(loop_, burst));
    }
    const auto count = std::stoi(server_->run({"GET", "count"}).text);
    EXPECT_GT(unconfirmed, 0);
    EXPECT_GE(count, confirmed);
    EXPECT_LE(count, confirmed + unconfirmed);
    EXPECT_GT(confirmed, rounds * calls_of_round / 2);
}

TEST_F(redis_proxy_live, returns_whole_values_or_errors_if_responses_are_halved) {
    fault_proxy proxy(server_->port());
    client_stage stage(loop_, url_of(proxy), {.reconnect = {.first = 2ms, .max = 5ms}});
    ASSERT_TRUE(stage.wait_until_connected());
    const auto cache = redis::make_cache(stage.client());
    const std::string value(20'000, 'v');
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return cache->put("a", value, 60s); }));
    for (int round = 0; round < 20; ++round) {
        proxy.halve_next();
        const auto result = get(*cache, "a");  // repeated on the next connection
        ASSERT_TRUE(result) << result.error().text;
        EXPECT_EQ(*result, value);
    }
    EXPECT_GE(stage.metrics().repeats.value(), 20U);
}

TEST_F(redis_proxy_live, times_out_and_recovers_while_the_proxy_stalls) {
    fault_proxy proxy(server_->port());
    client_stage stage(
        loop_, url_of(proxy),
        {.connect_timeout = 200ms, .command_timeout = 200ms, .ping_interval = 100ms});
    const auto bus = redis::make_bus(stage.client());
    int resumed = 0;
    int messages = 0;
    const auto subscribed = bus->subscribe(
        "c", {.on_message = [&](auto&) { ++messages; }, .on_resumed = [&] { ++resumed; }});
    ASSERT_TRUE(run_until(loop_, [&] { return resumed == 1; }));
    proxy.stall(true);
    const auto stalled = stage.run({"GET", "a"}, "a");
    ASSERT_FALSE(stalled);
    EXPECT_EQ(stalled.error().code, errc::timed_out);
    // The PING of a silent connection finds out.
    ASSERT_TRUE(run_until(loop_, [&] { return !stage.client().is_connected(); }));
    proxy.stall(false);
    ASSERT_TRUE(stage.wait_until_connected());
    ASSERT_TRUE(run_until(loop_, [&] { return resumed >= 2; }));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("c", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return messages == 1; }));
}

TEST_F(redis_proxy_live, keeps_late_responses_apart_from_later_commands) {
    fault_proxy proxy(server_->port());
    client_stage stage(loop_, url_of(proxy), {.connect_timeout = 2s, .command_timeout = 60ms});
    ASSERT_TRUE(stage.wait_until_connected());
    std::mt19937 random(7);
    int successes = 0;
    for (int round = 0; round < 30; ++round) {
        proxy.delay(std::chrono::milliseconds(random() % 50));
        const auto text = std::to_string(round);
        const auto result = stage.run({"ECHO", text});
        if (!result) continue;
        EXPECT_EQ(result->text, text);
        ++successes;
    }
    EXPECT_GT(successes, 0);
    proxy.delay(0ms);
}

}  // namespace
}  // namespace fakes
