// The Redis client while masters die and slots move: Sentinel and Cluster.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "redis/redis_bus.hpp"
#include "redis/redis_cache.hpp"
#include "redis/slots.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/redis_servers.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;

class redis_failover_live : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!is_redis_installed()) GTEST_SKIP() << "redis-server is not installed";
    }
    // Writes and reads own keys until `is_over`. Counts the results.
    struct traffic {
        int successes = 0;
        int failures = 0;
        int wrong_values = 0;
        int lost_races = 0;  // put_if_absent of a new key returned false
        std::vector<std::string> texts{};
    };
    static aio::task<> run_traffic(ports::cache& cache, std::string prefix, const bool& is_over,
                                   traffic& counts) {
        int index = 0;
        while (!is_over) {
            const auto key = fmt::format("{}-{}", prefix, ++index);
            const auto created = co_await cache.put_if_absent(key, key, 600s);
            if (created && !*created) ++counts.lost_races;
            const auto value =
                created ? co_await cache.get(key) : base::outcome<std::optional<std::string>>();
            if (created && value && *value != key) ++counts.wrong_values;
            ++(created && value ? counts.successes : counts.failures);
            if (!created) counts.texts.push_back(created.error().text);
            if (!value) counts.texts.push_back(value.error().text);
            const auto slept = co_await aio::sleep_for(200us);
            if (!slept) co_return slept;
        }
        co_return base::ok();
    }
    bool put_succeeds(ports::cache& cache, const std::string& key) {
        const auto deadline = std::chrono::steady_clock::now() + 25s;
        while (std::chrono::steady_clock::now() < deadline) {
            if (run_until_done<void>(loop_, [&] { return cache.put(key, "v", 600s); })) return true;
        }
        return false;
    }

    server_folder folder_;
    aio::loop loop_;
};

// Counts the events of one subscription.
struct observed_channel {
    observed_channel(ports::bus& bus, const std::string& name)
        : subscription(
              bus.subscribe(name, {.on_message = [this](const std::string&) { ++messages; },
                                   .on_resumed = [this] { ++resumed; }})) {}
    int messages = 0;
    int resumed = 0;
    std::unique_ptr<ports::bus::subscription> subscription;
};

TEST_F(redis_failover_live, follows_the_master_that_the_sentinels_elect) {
    redis_server master(folder_, {});
    redis_server replica(folder_,
                         {.lines = {fmt::format("replicaof 127.0.0.1 {}", master.port())}});
    wait_for("the replica does not follow", [&] {
        const auto role = replica.run({"ROLE"});
        return role.items.size() > 3 && role.items[3].text == "connected";
    });
    std::vector<std::unique_ptr<redis_server>> sentinels;
    std::string hosts;
    for (int index = 0; index < 3; ++index) {
        sentinels.push_back(std::make_unique<redis_server>(
            folder_,
            redis_server_options{
                .lines = {fmt::format("sentinel monitor main 127.0.0.1 {} 2", master.port()),
                          "sentinel down-after-milliseconds main 500",
                          "sentinel failover-timeout main 3000"},
                .is_sentinel = true}));
        hosts += fmt::format("{}127.0.0.1:{}", index == 0 ? "" : ",", sentinels.back()->port());
    }
    for (const auto& sentinel : sentinels) {
        wait_for("the Sentinels do not find each other", [&] {
            const auto info = sentinel->run({"SENTINEL", "MASTER", "main"});
            const auto* others = info.find("num-other-sentinels");
            const auto* replicas = info.find("num-slaves");
            return others != nullptr && others->text == "2" && replicas != nullptr &&
                   replicas->text == "1";
        });
    }
    client_stage stage(loop_, fmt::format("redis+sentinel://{}/main", hosts));
    ASSERT_TRUE(stage.wait_until_connected());
    EXPECT_EQ(stage.client().current_topology()->single.port, master.port());
    const auto cache = redis::make_cache(stage.client());
    const auto bus = redis::make_bus(stage.client());
    observed_channel channel(*bus, "c");
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed == 1; }));
    ASSERT_TRUE(put_succeeds(*cache, "before"));

    master.kill();
    sentinels[0]->kill();  // the first of the URL
    ASSERT_TRUE(put_succeeds(*cache, "after"));
    EXPECT_EQ(stage.client().current_topology()->single.port, replica.port());
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed == 2; }));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("c", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return channel.messages == 1; }));
}

TEST_F(redis_failover_live, follows_the_master_among_several_standalone_servers) {
    redis_server first(folder_, {});
    redis_server second(folder_, {.lines = {fmt::format("replicaof 127.0.0.1 {}", first.port())}});
    client_stage stage(
        loop_, fmt::format("redis://127.0.0.1:{},127.0.0.1:{}", second.port(), first.port()));
    ASSERT_TRUE(stage.wait_until_connected());
    EXPECT_EQ(stage.client().server_of("a")->port, first.port());
    const auto cache = redis::make_cache(stage.client());
    ASSERT_TRUE(put_succeeds(*cache, "before"));
    wait_for("the replica does not follow", [&] {
        const auto role = second.run({"ROLE"});
        return role.items.size() > 3 && role.items[3].text == "connected";
    });
    second.run({"REPLICAOF", "NO", "ONE"});
    first.run({"REPLICAOF", "127.0.0.1", std::to_string(second.port())});
    // The connection to the former master stays open; READONLY reports the change.
    EXPECT_TRUE(put_succeeds(*cache, "after"));
    EXPECT_EQ(stage.client().server_of("a")->port, second.port());
}

TEST_F(redis_failover_live, reports_a_url_that_names_a_sentinel_or_an_unknown_master) {
    redis_server sentinel(folder_, {.is_sentinel = true});
    client_stage plain(loop_, fmt::format("redis://127.0.0.1:{}", sentinel.port()),
                       {.fail_fast_after = 100ms});
    const auto first = plain.run({"GET", "a"}, "a");
    ASSERT_FALSE(first);
    EXPECT_NE(first.error().text.find("use redis+sentinel://"), std::string::npos)
        << first.error().text;
    client_stage unknown(loop_, fmt::format("redis+sentinel://127.0.0.1:{}/other", sentinel.port()),
                         {.fail_fast_after = 100ms});
    const auto second = unknown.run({"GET", "a"}, "a");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text.find("does not know the master other"), std::string::npos)
        << second.error().text;
}

TEST_F(redis_failover_live, uses_separate_credentials_for_sentinels_and_masters) {
    redis_server master(folder_, {.lines = {"requirepass m-pass"}, .password = "m-pass"});
    redis_server sentinel(
        folder_, {.lines = {"requirepass s-pass",
                            fmt::format("sentinel monitor main 127.0.0.1 {} 1", master.port()),
                            "sentinel auth-pass main m-pass"},
                  .password = "s-pass",
                  .is_sentinel = true});
    const auto url = fmt::format("redis+sentinel://:m-pass@127.0.0.1:{}/main", sentinel.port());
    client_stage good(loop_, url + "?sentinel_password=s-pass");
    ASSERT_TRUE(good.wait_until_connected());
    EXPECT_EQ(good.client().server_of("a")->port, master.port());
    client_stage bad(loop_, url, {.fail_fast_after = 100ms});
    const auto rejected = bad.run({"PING"});
    ASSERT_FALSE(rejected);
    EXPECT_EQ(rejected.error().code, base::errc::denied) << rejected.error().text;
}

TEST_F(redis_failover_live, serves_other_shards_while_a_replica_takes_over) {
    redis_cluster cluster(folder_, 3, true);
    client_stage stage(loop_, cluster.url(), {.command_timeout = 8s});
    ASSERT_TRUE(stage.wait_until_connected());
    ASSERT_TRUE(stage.client().is_cluster());
    const auto cache = redis::make_cache(stage.client(), {.key_prefix = ""});
    const auto bus = redis::make_bus(stage.client(), {.channel_prefix = ""});
    // Slots: foo 12182 (node 2), {a} 15495 (node 2), bar 5061 (node 0).
    ASSERT_EQ(cluster.master_of(redis::slot_of("foo"), 0), 2U);
    ASSERT_EQ(cluster.master_of(redis::slot_of("bar"), 0), 0U);
    observed_channel failing(*bus, "foo");
    observed_channel healthy(*bus, "bar");
    ASSERT_TRUE(run_until(loop_, [&] { return failing.resumed == 1 && healthy.resumed == 1; }));

    bool is_over = false;
    traffic counts_failing;
    traffic counts_healthy;
    aio::task_group running(loop_.executor());
    running.spawn(run_traffic(*cache, "{foo}", is_over, counts_failing));
    running.spawn(run_traffic(*cache, "{bar}", is_over, counts_healthy));
    ASSERT_TRUE(run_until(loop_, [&] { return counts_failing.successes > 20; }));

    cluster.node(2).kill();
    const int before = counts_healthy.successes;
    ASSERT_TRUE(put_succeeds(*cache, "{foo}-after"));
    ASSERT_TRUE(run_until(loop_, [&] { return failing.resumed >= 2; }));
    is_over = true;
    (void)run_until_done<void>(loop_, [&] { return running.join(); });

    EXPECT_EQ(counts_healthy.failures, 0)
        << fmt::format("{}", fmt::join(counts_healthy.texts, "\n"));
    EXPECT_GT(counts_healthy.successes, before + 20);
    EXPECT_EQ(counts_healthy.wrong_values + counts_healthy.lost_races, 0);
    // The command that was in flight may be unconfirmed; later ones wait for the new master.
    EXPECT_LE(counts_failing.failures, 2)
        << fmt::format("{}", fmt::join(counts_failing.texts, "\n"));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("foo", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return failing.messages == 1; }));
}

TEST_F(redis_failover_live, leaves_a_master_that_hangs_with_open_connections) {
    redis_cluster cluster(folder_, 3, true);
    client_stage stage(loop_, cluster.url(), {.connect_timeout = 500ms, .command_timeout = 500ms});
    ASSERT_TRUE(stage.wait_until_connected());
    const auto cache = redis::make_cache(stage.client(), {.key_prefix = ""});
    const auto bus = redis::make_bus(stage.client(), {.channel_prefix = ""});
    observed_channel channel(*bus, "foo");
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed == 1; }));
    ASSERT_TRUE(put_succeeds(*cache, "{foo}-before"));

    cluster.node(2).signal(SIGSTOP);
    ASSERT_TRUE(put_succeeds(*cache, "{foo}-after"));
    EXPECT_NE(stage.client().server_of("foo")->port, cluster.node(2).port());
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed >= 2; }));
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("foo", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return channel.messages == 1; }));

    // The former master returns with its old view. Its error responses correct the client.
    cluster.node(2).signal(SIGCONT);
    for (int round = 0; round < 50; ++round) {
        EXPECT_TRUE(put_succeeds(*cache, fmt::format("{{foo}}-{}", round)));
    }
}

TEST_F(redis_failover_live, loses_no_command_while_a_slot_moves) {
    redis_cluster cluster(folder_, 3, false);
    client_stage stage(loop_, cluster.url(), {.command_timeout = 8s});
    ASSERT_TRUE(stage.wait_until_connected());
    const auto cache = redis::make_cache(stage.client(), {.key_prefix = ""});
    const auto bus = redis::make_bus(stage.client(), {.channel_prefix = ""});
    observed_channel channel(*bus, "foo");
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed == 1; }));

    const auto slot = std::to_string(redis::slot_of("foo"));
    auto& source = cluster.node(2);
    auto& target = cluster.node(0);
    bool is_over = false;
    traffic counts;
    aio::task_group running(loop_.executor());
    for (int index = 0; index < 4; ++index) {
        running.spawn(run_traffic(*cache, fmt::format("{{foo}}-{}", index), is_over, counts));
    }
    const auto go_on = [&](int count) {
        const int before = counts.successes;
        return run_until(loop_, [&] { return counts.successes >= before + count; });
    };
    ASSERT_TRUE(go_on(200));
    target.run({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(2)});
    source.run({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(0)});
    ASSERT_TRUE(go_on(100));  // new keys are created on the target, by ASK
    while (true) {
        const auto keys = source.run({"CLUSTER", "GETKEYSINSLOT", slot, "50"});
        if (keys.items.empty()) break;
        for (const auto& key : keys.items) {
            source.run(
                {"MIGRATE", "127.0.0.1", std::to_string(target.port()), key.text, "0", "2000"});
        }
        ASSERT_TRUE(go_on(10));
    }
    const auto new_owner = cluster.id_of(0);
    for (std::size_t index = 0; index < 3; ++index) {
        cluster.node(index).run({"CLUSTER", "SETSLOT", slot, "NODE", new_owner});
    }
    ASSERT_TRUE(go_on(200));
    ASSERT_TRUE(run_until(loop_, [&] { return channel.resumed >= 2; }));
    is_over = true;
    (void)run_until_done<void>(loop_, [&] { return running.join(); });

    EXPECT_EQ(counts.failures, 0) << fmt::format("{}", fmt::join(counts.texts, "\n"));
    EXPECT_EQ(counts.wrong_values, 0);
    EXPECT_EQ(counts.lost_races, 0);
    EXPECT_GT(stage.metrics().redirections.value(), 50U);
    EXPECT_EQ(stage.client().server_of("foo")->port, target.port());
    ASSERT_TRUE(run_until_done<void>(loop_, [&] { return bus->publish("foo", "m"); }));
    EXPECT_TRUE(run_until(loop_, [&] { return channel.messages == 1; }));
}

}  // namespace
}  // namespace fakes
