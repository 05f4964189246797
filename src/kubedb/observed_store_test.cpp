#include "kubedb/observed_store.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "test/support/manual_clock.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;

class recording_observer final : public ports::cluster_observer {
  public:
    std::vector<std::shared_ptr<const domain::observed_database>> seen;
    void on_observed(const ports::database_key&,
                     std::shared_ptr<const domain::observed_database> state) override {
        seen.push_back(std::move(state));
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue>) override {}
    void on_sync_state(ports::sync_state) override {}
};

json::object labeled_object() {
    return {{"metadata",
             {{"labels",
               {{"app.kubernetes.io/name", "redises.kubedb.com"},
                {"app.kubernetes.io/instance", "cache"}}}}}};
}

class observed_store_test : public testing::Test {
  protected:
    void SetUp() override { store_.set_observer(&observer_); }
    void put_stats_service() {
        auto service = labeled_object();
        service["spec"] = json::object{
            {"ports", json::array{json::object{{"name", "metrics"}, {"port", 56790}}}}};
        store_.put_service(meta("cache-stats"), service);
    }
    void put_object() {
        store_.put_database(
            *find_dialect("redis"), meta("cache"),
            {{"metadata", {{"name", "cache"}, {"uid", "u1"}}}, {"spec", {{"version", "7.0"}}}});
    }
    static kube::object_meta meta(std::string name) {
        return {.ns = "dbaas-shop", .name = std::move(name)};
    }
    fakes::manual_clock clock_;
    aio::loop loop_;
    recording_observer observer_;
    observed_store store_{loop_.executor(), clock_, 20};
};

// Otherwise a database had no metrics until the next start, after a slow list of the objects.
TEST_F(observed_store_test, keeps_a_stats_service_delivered_before_the_object) {
    put_stats_service();
    store_.flush();
    put_object();
    store_.flush();
    ASSERT_FALSE(observer_.seen.empty());
    EXPECT_TRUE(observer_.seen.back()->exists);
    EXPECT_EQ(observer_.seen.back()->metrics_port, 56790);
}

TEST_F(observed_store_test, keeps_endpoints_delivered_before_the_object) {
    auto binding = labeled_object();
    binding["spec"] = json::object{
        {"clientConfig", {{"service", {{"name", "cache"}, {"port", 6379}, {"scheme", "redis"}}}}}};
    store_.put_binding(meta("cache"), binding);
    store_.flush();
    put_object();
    store_.flush();
    EXPECT_FALSE(observer_.seen.back()->endpoints.empty());
}

TEST_F(observed_store_test, notifies_of_a_deletion_once) {
    put_object();
    put_stats_service();
    store_.flush();
    store_.drop_database(find_dialect("redis")->kind(), meta("cache"));
    store_.drop_service(meta("cache-stats"));
    store_.flush();
    ASSERT_EQ(observer_.seen.size(), 2U);
    EXPECT_FALSE(observer_.seen.back()->exists);
    store_.drop_service(meta("cache-stats"));
    store_.flush();
    EXPECT_EQ(observer_.seen.size(), 2U);
}

}  // namespace
}  // namespace kubedb
