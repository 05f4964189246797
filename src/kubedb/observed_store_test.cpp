#include "kubedb/observed_store.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "test/support/manual_clock.hpp"

namespace kubedb {
namespace {

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
    void put_pod() { store_.put_pod(meta("cache-0"), labeled_object()); }
    void put_event(const std::string& kind, const std::string& name, const std::string& reason) {
        store_.put_event(
            meta(name + "." + reason),
            {{"type", "Warning"},
             {"reason", reason},
             {"message", reason},
             {"lastTimestamp", "2026-11-28T20:00:00Z"},
             {"involvedObject", {{"kind", kind}, {"namespace", "dbaas-shop"}, {"name", name}}}});
    }
    // Returns the reasons of the events that the observer got last.
    std::vector<std::string> reasons() {
        store_.flush();
        std::vector<std::string> result;
        if (observer_.seen.empty()) return result;
        for (const auto& event : observer_.seen.back()->events) result.push_back(event.reason);
        return result;
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

// The lists of pods, databases and events are read at the same time.
TEST_F(observed_store_test, keeps_an_event_delivered_before_its_object) {
    put_event("Pod", "cache-0", "BackOff");
    put_event("Redis", "cache", "Phase");
    put_event("RedisOpsRequest", "resize-1", "Failed");
    EXPECT_TRUE(reasons().empty());
    put_pod();
    EXPECT_EQ(reasons(), (std::vector<std::string>{"BackOff"}));
    put_object();
    EXPECT_EQ(reasons().size(), 2U);
    store_.put_change(find_dialect("redis")->kind(), meta("resize-1"),
                      {{"metadata", {{"name", "resize-1"}}},
                       {"spec", {{"type", "Restart"}, {"databaseRef", {{"name", "cache"}}}}}});
    EXPECT_EQ(reasons().size(), 3U);
}

// The first page of events arrives before the first page of pods.
TEST_F(observed_store_test, keeps_events_of_many_databases_delivered_before_their_objects) {
    constexpr int count = 1000;
    const auto name_of = [](int number) { return "db" + std::to_string(number); };
    store_.hold();
    for (int number = 0; number < count; ++number) {
        put_event("Pod", name_of(number) + "-0", "BackOff");
        put_event("Pod", name_of(number) + "-0", "Unhealthy");
    }
    for (int number = 0; number < count; ++number) {
        const auto name = name_of(number);
        store_.put_database(*find_dialect("redis"), meta(name), {{"metadata", {{"name", name}}}});
    }
    store_.flush();
    ASSERT_EQ(observer_.seen.size(), std::size_t{count});
    for (const auto& state : observer_.seen) EXPECT_EQ(state->events.size(), 2U);
}

TEST_F(observed_store_test, shows_events_of_all_objects_of_a_database) {
    put_object();
    put_event("PersistentVolumeClaim", "data-cache-0", "ProvisioningFailed");
    put_event("PetSet", "cache", "FailedCreate");
    put_event("StatefulSet", "cache", "FailedUpdate");
    put_event("Service", "cache-pods", "FailedToUpdateEndpoint");
    put_event("Secret", "cache-auth", "NotSynced");
    put_event("PodDisruptionBudget", "cache", "NoPods");
    put_event("PersistentVolumeClaim", "data-cache-b-0", "OfAnother");
    const auto shown = reasons();
    EXPECT_EQ(shown.size(), 6U);
    EXPECT_EQ(std::ranges::count(shown, "OfAnother"), 0);
}

TEST_F(observed_store_test, hides_events_that_are_older_than_the_object) {
    put_event("Redis", "cache", "OfAnEarlierObject");
    store_.put_database(
        *find_dialect("redis"), meta("cache"),
        {{"metadata",
          {{"name", "cache"}, {"uid", "u2"}, {"creationTimestamp", "2026-11-28T20:30:00Z"}}}});
    EXPECT_TRUE(reasons().empty());
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
