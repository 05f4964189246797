// The contract suites of the cache and the bus against a standalone server and a Cluster, which all
// tests of this file share.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "redis/redis_bus.hpp"
#include "redis/redis_cache.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/redis_servers.hpp"
#include "test/support/bus_contract.hpp"
#include "test/support/cache_contract.hpp"

namespace fakes {
namespace {

struct shared_servers {
    server_folder folder;
    std::unique_ptr<redis_server> standalone;
    std::unique_ptr<redis_cluster> cluster;
};

// Ends the servers after the tests.
class server_environment final : public ::testing::Environment {
  public:
    void TearDown() override { servers.reset(); }
    static inline std::unique_ptr<shared_servers> servers;
};
const auto* const environment =
    ::testing::AddGlobalTestEnvironment(std::make_unique<server_environment>().release());

shared_servers& servers() {
    if (!server_environment::servers) {
        server_environment::servers = std::make_unique<shared_servers>();
    }
    return *server_environment::servers;
}

std::string standalone_url() {
    auto& server = servers().standalone;
    if (!server) server = std::make_unique<redis_server>(servers().folder, redis_server_options{});
    return fmt::format("redis://127.0.0.1:{}/2", server->port());
}
std::string cluster_url() {
    auto& cluster = servers().cluster;
    if (!cluster) cluster = std::make_unique<redis_cluster>(servers().folder, 3, false);
    return cluster->url();
}

// Each test has its own keys and channels.
std::string new_prefix() {
    static int count = 0;
    return fmt::format("test-{}:", ++count);
}

class redis_cache_world final : public cache_world {
  public:
    redis_cache_world(aio::loop& loop, const std::string& url, std::vector<std::uint16_t> ports,
                      unsigned database)
        : stage_(loop, url), ports_(std::move(ports)), database_(database) {
        stage_.wait_until_connected();
    }
    ports::cache& port() override { return *cache_; }
    // Shortens the time to live of every entry on every server.
    void advance(std::chrono::seconds duration) override {
        for (const auto port : ports_) {
            redis_console console(port, "");
            if (database_ > 0) console.run({"SELECT", std::to_string(database_)});
            for (const auto& key : console.run({"KEYS", "*"}).items) {
                const auto left = console.run({"PTTL", key.text}).integer;
                const auto milliseconds = std::chrono::milliseconds(duration).count();
                if (left >= 0) {
                    console.run({"PEXPIRE", key.text, std::to_string(left - milliseconds)});
                }
            }
        }
    }

  private:
    client_stage stage_;
    std::vector<std::uint16_t> ports_;
    unsigned database_;
    std::unique_ptr<ports::cache> cache_ =
        redis::make_cache(stage_.client(), {.key_prefix = new_prefix()});
};

class redis_bus_world final : public bus_world {
  public:
    redis_bus_world(aio::loop& loop, const std::string& url)
        : first_stage_(loop, url), second_stage_(loop, url) {
        first_stage_.wait_until_connected();
        second_stage_.wait_until_connected();
    }
    ports::bus& first() override { return *first_; }
    ports::bus& second() override { return *second_; }

  private:
    std::string prefix_ = new_prefix();
    client_stage first_stage_;
    client_stage second_stage_;
    std::unique_ptr<ports::bus> first_ =
        redis::make_bus(first_stage_.client(), {.channel_prefix = prefix_});
    std::unique_ptr<ports::bus> second_ =
        redis::make_bus(second_stage_.client(), {.channel_prefix = prefix_});
};

std::unique_ptr<cache_world> standalone_cache(aio::loop& loop) {
    if (!is_redis_installed()) return nullptr;
    const auto url = standalone_url();
    return std::make_unique<redis_cache_world>(loop, url, std::vector{servers().standalone->port()},
                                               2);
}
std::unique_ptr<cache_world> cluster_cache(aio::loop& loop) {
    if (!is_redis_installed()) return nullptr;
    const auto url = cluster_url();
    auto& cluster = *servers().cluster;
    const std::vector ports{cluster.node(0).port(), cluster.node(1).port(), cluster.node(2).port()};
    return std::make_unique<redis_cache_world>(loop, url, ports, 0);
}
std::unique_ptr<bus_world> standalone_bus(aio::loop& loop) {
    if (!is_redis_installed()) return nullptr;
    return std::make_unique<redis_bus_world>(loop, standalone_url());
}
std::unique_ptr<bus_world> cluster_bus(aio::loop& loop) {
    if (!is_redis_installed()) return nullptr;
    return std::make_unique<redis_bus_world>(loop, cluster_url());
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(redis_standalone, cache_contract, ::testing::Values(standalone_cache));
INSTANTIATE_TEST_SUITE_P(redis_cluster, cache_contract, ::testing::Values(cluster_cache));
INSTANTIATE_TEST_SUITE_P(redis_standalone, bus_contract, ::testing::Values(standalone_bus));
INSTANTIATE_TEST_SUITE_P(redis_cluster, bus_contract, ::testing::Values(cluster_bus));

}  // namespace fakes
