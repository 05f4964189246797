#include "kubedb/observed_store.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "test/support/manual_clock.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;

class remembering final : public ports::cluster_observer {
  public:
    std::vector<std::shared_ptr<const domain::observed_database>> seen;
    void on_observed(const ports::database_key&,
                     std::shared_ptr<const domain::observed_database> state) override {
        seen.push_back(std::move(state));
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue>) override {}
    void on_sync_state(ports::sync_state) override {}
};

json::object part_of_cache() {
    return {{"metadata",
             {{"labels",
               {{"app.kubernetes.io/name", "redises.kubedb.com"},
                {"app.kubernetes.io/instance", "cache"}}}}}};
}

class mirrored : public testing::Test {
  protected:
    void SetUp() override { mirror_.observe_by(&observer_); }
    void put_stats_service() {
        auto service = part_of_cache();
        service["spec"] = json::object{
            {"ports", json::array{json::object{{"name", "metrics"}, {"port", 56790}}}}};
        mirror_.put_service(meta("cache-stats"), service);
    }
    void put_object() {
        mirror_.put_database(
            *find_kind("redis"), meta("cache"),
            {{"metadata", {{"name", "cache"}, {"uid", "u1"}}}, {"spec", {{"version", "7.0"}}}});
    }
    static kube::object_meta meta(std::string name) {
        return {.ns = "dbaas-shop", .name = std::move(name)};
    }
    fakes::manual_clock clock_;
    aio::loop loop_;
    remembering observer_;
    observed_store mirror_{loop_.executor(), clock_, 20};
};

// Otherwise a database had no metrics until the next start, after a slow list of the objects.
TEST_F(mirrored, a_stats_service_that_comes_before_the_object_is_kept) {
    put_stats_service();
    mirror_.flush();
    put_object();
    mirror_.flush();
    ASSERT_FALSE(observer_.seen.empty());
    EXPECT_TRUE(observer_.seen.back()->exists);
    EXPECT_EQ(observer_.seen.back()->metrics_port, 56790);
}

TEST_F(mirrored, endpoints_that_come_before_the_object_are_kept) {
    auto binding = part_of_cache();
    binding["spec"] = json::object{
        {"clientConfig", {{"service", {{"name", "cache"}, {"port", 6379}, {"scheme", "redis"}}}}}};
    mirror_.put_binding(meta("cache"), binding);
    mirror_.flush();
    put_object();
    mirror_.flush();
    EXPECT_FALSE(observer_.seen.back()->endpoints.empty());
}

TEST_F(mirrored, what_is_gone_is_told_once) {
    put_object();
    put_stats_service();
    mirror_.flush();
    mirror_.drop_database(*find_kind("redis"), meta("cache"));
    mirror_.drop_service(meta("cache-stats"));
    mirror_.flush();
    ASSERT_EQ(observer_.seen.size(), 2U);
    EXPECT_FALSE(observer_.seen.back()->exists);
    mirror_.drop_service(meta("cache-stats"));
    mirror_.flush();
    EXPECT_EQ(observer_.seen.size(), 2U);
}

}  // namespace
}  // namespace kubedb
