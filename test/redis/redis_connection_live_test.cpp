// The Redis client against one server: credentials, TLS, restart, a server that hangs.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "redis/redis_bus.hpp"
#include "redis/redis_cache.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/redis_servers.hpp"
#include "test/support/certificates.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;
using base::errc;

class redis_client_live : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!is_redis_installed()) GTEST_SKIP() << "redis-server is not installed";
    }
    redis_server& start(redis_server_options options = {}) {
        servers_.push_back(std::make_unique<redis_server>(folder_, std::move(options)));
        return *servers_.back();
    }
    static std::string url_of(const redis_server& server, const std::string& credentials = "") {
        return fmt::format("redis://{}127.0.0.1:{}", credentials, server.port());
    }
    // Repeats the command until it succeeds.
    bool succeeds(client_stage& stage, const redis::command_words& words) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (std::chrono::steady_clock::now() < deadline) {
            if (stage.run(words, words.size() > 1 ? words[1] : "")) return true;
        }
        return false;
    }

    server_folder folder_;
    std::vector<std::unique_ptr<redis_server>> servers_;
    aio::loop loop_;
};

TEST_F(redis_client_live, uses_the_password_and_reports_a_wrong_one) {
    auto& server = start({.lines = {"requirepass hunter2"}, .password = "hunter2"});
    client_stage good(loop_, url_of(server, ":hunter2@"));
    ASSERT_TRUE(good.wait_until_connected());
    EXPECT_EQ(good.run({"SET", "a", "1"}, "a")->text, "OK");
    for (const auto* credentials : {":wrong-pass@", ""}) {
        client_stage bad(loop_, url_of(server, credentials), {.fail_fast_after = 100ms});
        const auto result = bad.run({"GET", "a"}, "a");
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, errc::denied) << result.error().text;
        EXPECT_EQ(result.error().text.find("wrong-pass"), std::string::npos);
        EXPECT_FALSE(bad.client().is_connected());
        for (const auto* event : {"redis_connect_failed", "redis_discovery_failed"}) {
            for (const auto& line : bad.log().lines_of(event)) {
                EXPECT_EQ(line.find("wrong-pass"), std::string::npos) << line;
            }
        }
    }
}

TEST_F(redis_client_live, uses_an_acl_user_and_reports_what_it_must_not_do) {
    auto& server =
        start({.lines = {"requirepass hunter2",
                         // The rules of docs/operations/redis.md.
                         "user app on >app-pass resetkeys ~dbaas:* resetchannels &dbaas:* -@all "
                         "+@pubsub +@connection +@read +@write +role +cluster|slots "
                         "+cluster|shards +cluster|info +evalsha +eval +time"},
               .password = "hunter2"});
    client_stage stage(loop_, url_of(server, "app:app-pass@"));
    ASSERT_TRUE(stage.wait_until_connected());
    EXPECT_EQ(stage.run({"SET", "dbaas:a", "1"}, "dbaas:a")->text, "OK");
    const auto denied = stage.run({"GET", "other"}, "other");
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().code, errc::denied);
    const auto bus = redis::make_bus(stage.client());
    int resumed = 0;
    std::string received;
    const auto subscribed =
        bus->subscribe("c", {.on_message = [&](const std::string& text) { received = text; },
                             .on_resumed = [&] { ++resumed; }});
    ASSERT_TRUE(run_until(loop_, [&] { return resumed == 1; }));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("c", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return received == "m"; }));
}

TEST_F(redis_client_live, the_bus_is_not_connected_while_its_subscription_is_denied) {
    auto& server = start({.lines = {"user app on >app-pass ~* resetchannels &other:* +@all"}});
    client_stage stage(loop_, url_of(server, "app:app-pass@"));
    const auto bus = redis::make_bus(stage.client());
    auto denied = bus->subscribe("c", {.on_message = [](const std::string&) {}});
    ASSERT_TRUE(stage.wait_until_connected());
    ASSERT_TRUE(run_until(
        loop_, [&] { return !stage.log().lines_of("redis_subscription_interrupted").empty(); }));
    EXPECT_FALSE(bus->is_connected());
    server.run({"ACL", "SETUSER", "app", "&dbaas:*"});
    EXPECT_TRUE(run_until(loop_, [&] { return bus->is_connected(); }));
    server.run({"ACL", "SETUSER", "app", "resetchannels"});
    denied.reset();
    EXPECT_TRUE(run_until(loop_, [&] { return bus->is_connected(); }));
}

TEST_F(redis_client_live, selects_the_database_and_reports_a_missing_one) {
    auto& server = start({.lines = {"databases 4"}});
    client_stage third(loop_, url_of(server) + "/3");
    ASSERT_TRUE(third.wait_until_connected());
    ASSERT_TRUE(third.run({"SET", "a", "1"}, "a"));
    EXPECT_TRUE(server.run({"GET", "a"}).is_null());
    client_stage ninth(loop_, url_of(server) + "/9", {.fail_fast_after = 100ms});
    const auto result = ninth.run({"GET", "a"}, "a");
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text.find("no database 9"), std::string::npos) << result.error().text;
}

TEST_F(redis_client_live, verifies_the_certificate_of_the_server) {
    const certificate_authority authority("redis-ca");
    const auto issued = authority.issue({.common_name = "redis", .hosts = {"127.0.0.1"}});
    auto& server =
        start({.lines = {"tls-port {port}",
                         "tls-cert-file " + folder_.write("server.crt", issued.certificate),
                         "tls-key-file " + folder_.write("server.key", issued.private_key),
                         "tls-ca-cert-file " + folder_.write("ca.crt", authority.pem()),
                         "tls-auth-clients no"},
               .has_plain_port = false});
    const auto url = fmt::format("rediss://127.0.0.1:{}", server.port());
    client_stage trusted(loop_, url, {.tls = http::client_tls{.ca_pem = authority.pem()}});
    ASSERT_TRUE(trusted.wait_until_connected())
        << fmt::format("{}", fmt::join(trusted.log().lines_of("redis_connect_failed"), " "));
    const std::string large(300'000, 'x');
    ASSERT_TRUE(trusted.run({"SET", "a", large}, "a"));
    EXPECT_EQ(trusted.run({"GET", "a"}, "a")->text, large);

    const certificate_authority other("other");
    client_stage untrusted(
        loop_, url, {.tls = http::client_tls{.ca_pem = other.pem()}, .fail_fast_after = 100ms});
    const auto result = untrusted.run({"GET", "a"}, "a");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::denied) << result.error().text;
}

TEST_F(redis_client_live, shows_its_certificate_to_a_server_that_demands_one) {
    const certificate_authority authority("redis-ca");
    const auto of_server = authority.issue({.common_name = "redis", .hosts = {"127.0.0.1"}});
    const auto of_client = authority.issue({.common_name = "dbaas"});
    auto& server =
        start({.lines = {"tls-port {port}",
                         "tls-cert-file " + folder_.write("server.crt", of_server.certificate),
                         "tls-key-file " + folder_.write("server.key", of_server.private_key),
                         "tls-ca-cert-file " + folder_.write("ca.crt", authority.pem())},
               .has_plain_port = false});
    const auto url = fmt::format("rediss://127.0.0.1:{}", server.port());
    client_stage good(
        loop_, url,
        {.tls = http::client_tls{.ca_pem = authority.pem(),
                                 .certificate_pem = of_client.certificate,
                                 .private_key_pem = base::secret(of_client.private_key)}});
    ASSERT_TRUE(good.wait_until_connected());
    EXPECT_TRUE(good.run({"PING"}));
    client_stage without(
        loop_, url, {.tls = http::client_tls{.ca_pem = authority.pem()}, .fail_fast_after = 100ms});
    // Denied, or unavailable if the server resets the connection before the client reads the alert.
    EXPECT_FALSE(without.run({"PING"}));
    EXPECT_FALSE(without.client().is_connected());
}

TEST_F(redis_client_live, pipelines_the_commands_of_many_callers) {
    auto& server = start();
    client_stage stage(loop_, url_of(server));
    ASSERT_TRUE(stage.wait_until_connected());
    int successes = 0;
    // run_until_done() keeps the lambda until its coroutine has ended.
    const auto burst = [&]() -> aio::task<void> {  // NOLINT(*-avoid-capturing-lambda-coroutines)
        aio::task_group callers(loop_.executor());
        for (int index = 0; index < 2000; ++index) {
            callers.spawn([&, index]() -> aio::task<> {
                const auto response =
                    co_await stage.client().execute({.words = {"ECHO", std::to_string(index)}});
                if (response && response->text == std::to_string(index)) ++successes;
                co_return base::ok();
            });
        }
        co_return co_await callers.join();
    };
    ASSERT_TRUE(run_until_done<void>(loop_, burst));
    EXPECT_EQ(successes, 2000);
    EXPECT_EQ(stage.metrics().connects.value(), 1U);
}

TEST_F(redis_client_live, connects_again_after_a_restart_and_resumes_the_subscription) {
    auto& server = start();
    client_stage stage(loop_, url_of(server));
    const auto bus = redis::make_bus(stage.client());
    int resumed = 0;
    std::string received;
    const auto subscribed =
        bus->subscribe("c", {.on_message = [&](const std::string& text) { received = text; },
                             .on_resumed = [&] { ++resumed; }});
    ASSERT_TRUE(run_until(loop_, [&] { return resumed == 1; }));
    server.kill();
    ASSERT_TRUE(run_until(loop_, [&] { return !stage.client().is_connected(); }));
    server.start();
    ASSERT_TRUE(stage.wait_until_connected());
    ASSERT_TRUE(run_until(loop_, [&] { return resumed == 2; }));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("c", "after"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return received == "after"; }));
    EXPECT_GE(stage.metrics().disconnects.value(), 1U);
    EXPECT_FALSE(stage.log().lines_of("redis_disconnected").empty());
}

TEST_F(redis_client_live, starts_before_the_server) {
    auto& server = start();
    server.kill();
    client_stage stage(loop_, url_of(server), {.command_timeout = 10s, .fail_fast_after = 10s});
    server.start();
    EXPECT_EQ(stage.run({"SET", "a", "1"}, "a")->text, "OK");
}

TEST_F(redis_client_live, fails_at_once_if_no_server_was_connected_for_the_configured_time) {
    auto& server = start();
    server.kill();
    client_stage stage(loop_, url_of(server), {.command_timeout = 1h, .fail_fast_after = 150ms});
    const auto first = stage.run({"GET", "a"}, "a");
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code, errc::unavailable);
    EXPECT_EQ(first.error().cause, redis::failure_cause::not_sent);
}

TEST_F(redis_client_live, times_out_while_the_server_hangs_and_recovers_after_it) {
    auto& server = start();
    client_stage stage(loop_, url_of(server), {.connect_timeout = 300ms, .command_timeout = 300ms});
    ASSERT_TRUE(stage.wait_until_connected());
    ASSERT_TRUE(stage.run({"SET", "a", "1"}, "a"));
    server.signal(SIGSTOP);
    const auto hanging =
        stage.run({"INCR", "count"}, "count", redis::repeatability::not_repeatable);
    ASSERT_FALSE(hanging);
    EXPECT_EQ(hanging.error().code, errc::timed_out);
    EXPECT_EQ(hanging.error().cause, redis::failure_cause::unconfirmed_write);
    server.signal(SIGCONT);
    EXPECT_TRUE(succeeds(stage, {"GET", "a"}));
    // The command ran once at most.
    EXPECT_LE(stage.run({"GET", "count"}, "count")->text, "1");
}

TEST_F(redis_client_live, ends_with_calls_in_progress) {
    auto& server = start();
    aio::task_group callers(loop_.executor());
    int failures = 0;
    {
        client_stage stage(loop_, url_of(server));
        ASSERT_TRUE(stage.wait_until_connected());
        server.signal(SIGSTOP);
        for (int index = 0; index < 10; ++index) {
            callers.spawn([&]() -> aio::task<> {
                const auto result = co_await stage.client().execute({.words = {"PING"}});
                if (!result) ++failures;
                co_return base::ok();
            });
        }
        ASSERT_TRUE(run_until(loop_, [&] { return callers.size() == 10; }));
        (void)run_until_done<void>(loop_, [&]() -> aio::task<void> {
            callers.cancel();
            return callers.join();
        });
    }
    EXPECT_EQ(failures, 10);
    server.signal(SIGCONT);
}

}  // namespace
}  // namespace fakes
