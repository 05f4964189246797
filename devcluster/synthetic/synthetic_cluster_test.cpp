#include "devcluster/synthetic/synthetic_cluster.hpp"

#include <gtest/gtest.h>

#include "aio/deadline.hpp"
#include "devcluster/apiserver/definitions.hpp"
#include "devcluster/apiserver/faults.hpp"
#include "json/json.hpp"

namespace synthetic {
namespace {

using namespace std::chrono_literals;

class synthetic_cluster : public testing::Test {
  protected:
    synthetic_cluster() {
        for (auto& each : apiserver::kubedb_definitions()) {
            EXPECT_TRUE(core_.ensure("apiextensions.k8s.io/v1", "customresourcedefinitions",
                                     std::move(each)));
        }
        EXPECT_TRUE(core_.ensure("v1", "namespaces", {{"metadata", {{"name", "t"}}}}));
    }
    // Runs a cluster and `scene` until the loop has no work left.
    void run(std::move_only_function<aio::task<>()> scene) {
        cluster_ = make_cluster(loop_.executor(), core_, objects_, {.capacity = 10});
        objects_.on_change([this](const apiserver::change_event& event) {
            cluster_->on_change(event);
            changed_.notify();
        });
        auto scenario = [](synthetic_cluster& fixture,
                           std::move_only_function<aio::task<>()> act) -> aio::task<> {
            const auto until = std::chrono::steady_clock::now() + 30s;
            auto ended = co_await aio::with_deadline(until, act());
            EXPECT_TRUE(ended) << ended.error().text;
            EXPECT_TRUE(co_await fixture.cluster_->stop());
            co_return ended;
        };
        aio::task_group group(loop_.executor());
        group.spawn(scenario(*this, std::move(scene)));
        loop_.run();
        objects_.on_change({});
        cluster_.reset();
    }
    void post(const std::string& collection, std::string body) {
        http::request request{
            .verb = http::method::post, .target = "/apis/" + collection, .body = std::move(body)};
        request.headers.add("Content-Type", "application/json");
        const auto reply = core_.handle(request);
        EXPECT_EQ(std::get<http::response>(reply).status, 201U);
    }
    void make_database() {
        post("kubedb.com/v1/namespaces/t/redises",
             R"({"metadata":{"name":"cache"},"spec":{"version":"7","replicas":1,"monitor":{}}})");
    }
    void make_request(const std::string& name) {
        post("ops.kubedb.com/v1alpha1/namespaces/t/redisopsrequests",
             R"({"metadata":{"name":")" + name +
                 R"("},"spec":{"type":"HorizontalScaling","databaseRef":{"name":"cache"},)"
                 R"("horizontalScaling":{"replicas":2}}})");
    }
    [[nodiscard]] json::value at(const std::string& type_key, const std::string& name,
                                 const char* pointer) const {
        const auto object = objects_.find(type_key, {"t", name});
        if (!object) return {};
        const json::value content(object->parse());
        boost::system::error_code error;
        const auto* part = content.find_pointer(pointer, error);
        return part == nullptr ? json::value() : *part;
    }
    aio::task<> until(std::string type_key, std::string name, std::string phase) {
        while (at(type_key, name, "/status/phase") != json::value(phase)) {
            auto waited = co_await changed_.wait();
            if (!waited) co_return waited;
        }
        co_return base::ok();
    }
    aio::task<> until_ready() { return until(databases_, "cache", "Ready"); }
    aio::task<> until_over(std::string name, std::string phase) {
        return until("ops.kubedb.com/redisopsrequests", std::move(name), std::move(phase));
    }
    base::outcome<void> set(std::string_view faults) {
        return faults_.set(json::parse(faults).as_object(), cluster_.get());
    }
    apiserver::simulator::proxied scrape() {
        apiserver::request_info info{.ns = "t", .name = "cache-stats:metrics"};
        auto proxied = cluster_->proxy(info);
        EXPECT_TRUE(proxied);
        return proxied ? std::move(*proxied) : apiserver::simulator::proxied{};
    }

    const std::string databases_ = "kubedb.com/redises";
    aio::loop loop_;
    aio::notification changed_{loop_.executor()};
    apiserver::object_store objects_;
    apiserver::type_table types_;
    apiserver::api_core core_{objects_, types_, base::system_clock()};
    apiserver::fault_injector faults_;
    std::unique_ptr<apiserver::simulator> cluster_;
};

TEST_F(synthetic_cluster, injected_request_failures_change_nothing) {
    run([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"failing_requests":1})"));
        make_request("first");
        auto over = co_await until_over("first", "Failed");
        if (!over) co_return over;
        EXPECT_EQ(at(databases_, "cache", "/spec/replicas"), 1);
        EXPECT_TRUE(set("{}"));
        make_request("second");
        over = co_await until_over("second", "Successful");
        EXPECT_EQ(at(databases_, "cache", "/spec/replicas"), 2);
        co_return over;
    });
}

TEST_F(synthetic_cluster, clears_faults_that_are_not_given) {
    run([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":5,"scrapes":{"slow":1,"slow_ms":250}})"));
        EXPECT_EQ(scrape().delay, 250ms);
        EXPECT_EQ(cluster_->stats().at("flaps_per_second"), 5.0);
        EXPECT_TRUE(set(R"({"scrapes":{"slow":1}})"));
        EXPECT_EQ(scrape().delay, 3000ms);
        EXPECT_EQ(cluster_->stats().at("flaps_per_second"), 0.0);
        EXPECT_TRUE(set("{}"));
        EXPECT_EQ(scrape().delay, 0ms);
        co_return base::ok();
    });
}

TEST_F(synthetic_cluster, rejected_faults_change_nothing) {
    run([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":0.001,"scrapes":{"refused":1}})"));
        for (const auto* wrong :
             {R"({"error_status":9})", R"({"unknown":1})", R"({"scrapes":{"unknown":1}})",
              R"({"scrapes":{"hung":2}})", R"({"scrapes":1})", R"({"failing_requests":2})",
              R"({"flaps_per_second":-1})", R"({"forget_scrapes":1,"scrapes":{}})"}) {
            const auto result = set(wrong);
            EXPECT_EQ(result.error().code, base::errc::invalid) << wrong;
            EXPECT_EQ(scrape().outgoing.response.status, 503U) << wrong;
            EXPECT_EQ(cluster_->stats().at("flaps_per_second"), 0.001) << wrong;
        }
        co_return base::ok();
    });
}

// A slow rate that was set before does not delay the new one.
TEST_F(synthetic_cluster, applies_a_new_rate_of_failures_at_once) {
    run([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":0.001})"));
        EXPECT_TRUE(set(R"({"flaps_per_second":500})"));
        while (at(databases_, "cache", "/status/phase") == "Ready") {
            auto changed = co_await changed_.wait();
            if (!changed) co_return base::pass(std::move(changed));
        }
        EXPECT_TRUE(set("{}"));
        co_return base::ok();
    });
}

TEST_F(synthetic_cluster, excessive_failure_rate_does_not_starve_the_loop) {
    run([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":1000000})"));
        for (int turn = 0; turn < 100; ++turn) {
            auto passed = co_await aio::sleep_for(1us);
            if (!passed) co_return passed;
        }
        co_return base::ok();
    });
}

}  // namespace
}  // namespace synthetic
