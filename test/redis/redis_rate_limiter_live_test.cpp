// The shared rate limits against real servers.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "redis/redis_rate_limiter.hpp"
#include "test/redis/client_stage.hpp"
#include "test/redis/redis_servers.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;

// The rate is low, so that no request is paid during a test.
constexpr domain::rate_quota quota{.interval = 10min, .burst = 3};
constexpr domain::rate_quota penalized{.interval = 10min, .burst = 2, .penalty_max = 15min};

class redis_rate_limiter : public testing::Test {
  protected:
    struct replica {
        replica(aio::loop& loop, const std::string& url)
            : stage(loop, url),
              limiter(redis::make_rate_limiter(stage.client(), base::system_clock())) {
            stage.wait_until_connected();
        }
        client_stage stage;
        std::unique_ptr<ports::rate_limiter> limiter;
    };
    base::outcome<domain::rate_step> admit(replica& replica, const std::string& key,
                                           domain::rate_quota wanted = quota) {
        return run_until_done<domain::rate_step>(
            loop_, [&] { return replica.limiter->admit(key, wanted); });
    }
    std::string url() const { return fmt::format("redis://127.0.0.1:{}", server_->port()); }

    aio::loop loop_;
    server_folder folder_;
    std::unique_ptr<redis_server> server_ =
        std::make_unique<redis_server>(folder_, redis_server_options{});
};

TEST_F(redis_rate_limiter, admits_the_burst_once_over_all_replicas) {
    replica first(loop_, url());
    replica second(loop_, url());
    EXPECT_TRUE(admit(first, "writes:subject:a")->is_admitted);
    EXPECT_TRUE(admit(second, "writes:subject:a")->is_admitted);
    const auto third = admit(first, "writes:subject:a");
    ASSERT_TRUE(third);
    EXPECT_TRUE(third->is_admitted);
    EXPECT_LE(third->debt, 30min);
    EXPECT_GT(third->debt, 29min);
    EXPECT_FALSE(admit(second, "writes:subject:a")->is_admitted);
    EXPECT_TRUE(admit(second, "writes:subject:b")->is_admitted);
}

TEST_F(redis_rate_limiter, computes_the_same_steps_as_the_domain) {
    replica replica(loop_, url());
    std::chrono::nanoseconds debt{0};
    for (int request = 0; request < 6; ++request) {
        const auto expected = domain::next_step(penalized, debt);
        const auto step = admit(replica, "logins:subject:a", penalized);
        ASSERT_TRUE(step) << step.error().text;
        EXPECT_EQ(step->is_admitted, expected.is_admitted) << request;
        EXPECT_LE(step->debt, expected.debt) << request;
        EXPECT_GT(step->debt, expected.debt - 1min) << request;
        debt = expected.debt;
    }
}

TEST_F(redis_rate_limiter, names_the_script_by_its_digest_and_loads_it_again) {
    replica replica(loop_, url());
    const auto loaded =
        replica.stage.run({"SCRIPT", "LOAD", std::string(redis::rate_limit_script)});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->text, redis::rate_limit_script_sha1);
    EXPECT_TRUE(admit(replica, "k")->is_admitted);
    ASSERT_TRUE(replica.stage.run({"SCRIPT", "FLUSH"}));
    EXPECT_TRUE(admit(replica, "k")->is_admitted);
    EXPECT_TRUE(admit(replica, "k")->is_admitted);
    EXPECT_FALSE(admit(replica, "k")->is_admitted);
}

TEST_F(redis_rate_limiter, keeps_a_key_until_its_debt_is_paid) {
    replica replica(loop_, url());
    ASSERT_TRUE(admit(replica, "k"));
    const auto left = replica.stage.run({"PTTL", "dbaas:limit:{k}"}, "dbaas:limit:{k}");
    ASSERT_TRUE(left);
    EXPECT_GT(left->integer, 500'000);
    EXPECT_LE(left->integer, 600'000);
}

TEST_F(redis_rate_limiter, fails_within_its_timeout_while_the_server_hangs_and_then_at_once) {
    replica replica(loop_, url());
    ASSERT_TRUE(admit(replica, "k"));
    ASSERT_TRUE(replica.stage.run({"CLIENT", "PAUSE", "600000", "ALL"}));
    EXPECT_FALSE(admit(replica, "k"));
    const auto second = admit(replica, "k");
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().text.contains("paused")) << second.error().text;
}

TEST_F(redis_rate_limiter, counts_on_a_cluster) {
    redis_cluster cluster(folder_, 3, false);
    replica replica(loop_, cluster.url());
    for (const auto* key : {"writes:subject:a", "writes:subject:b", "writes:subject:c"}) {
        for (int request = 0; request < 3; ++request) {
            const auto step = admit(replica, key);
            ASSERT_TRUE(step) << step.error().text;
            EXPECT_TRUE(step->is_admitted) << key;
        }
        EXPECT_FALSE(admit(replica, key)->is_admitted) << key;
    }
}

}  // namespace
}  // namespace fakes
