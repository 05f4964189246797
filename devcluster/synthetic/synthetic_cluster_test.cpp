#include "devcluster/synthetic/synthetic_cluster.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aio/deadline.hpp"
#include "devcluster/apiserver/definitions.hpp"
#include "devcluster/apiserver/faults.hpp"

namespace synthetic {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class played : public testing::Test {
  protected:
    played() {
        for (auto& each : apiserver::kubedb_definitions()) {
            EXPECT_TRUE(core_.ensure("apiextensions.k8s.io/v1", "customresourcedefinitions",
                                     std::move(each)));
        }
        EXPECT_TRUE(core_.ensure("v1", "namespaces", {{"metadata", {{"name", "t"}}}}));
    }
    // A life of the cluster, with `scene` beside it; ends when nothing is left on the loop.
    void play(std::move_only_function<aio::task<>()> scene) {
        cluster_ = make_cluster(loop_.executor(), core_, objects_, {.capacity = 10});
        objects_.on_change([this](const apiserver::change_event& event) {
            cluster_->on_change(event);
            news_.notify();
        });
        auto whole = [](played& it, std::move_only_function<aio::task<>()> act) -> aio::task<> {
            const auto until = std::chrono::steady_clock::now() + 30s;
            auto ended = co_await aio::with_deadline(until, act());
            EXPECT_TRUE(ended) << ended.error().text;
            EXPECT_TRUE(co_await it.cluster_->stop());
            co_return ended;
        };
        aio::task_group group(loop_.executor());
        group.spawn(whole(*this, std::move(scene)));
        loop_.run();
        objects_.on_change({});
        cluster_.reset();
    }
    void post(const std::string& collection, std::string body) {
        http::request made{
            .verb = http::method::post, .target = "/apis/" + collection, .body = std::move(body)};
        made.headers.add("Content-Type", "application/json");
        const auto reply = core_.handle(made);
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
        const auto found = objects_.find(type_key, {"t", name});
        if (!found) return {};
        const json::value content(found->parse());
        boost::system::error_code error;
        const auto* part = content.find_pointer(pointer, error);
        return part == nullptr ? json::value() : *part;
    }
    aio::task<> until(std::string type_key, std::string name, std::string phase) {
        while (at(type_key, name, "/status/phase") != json::value(phase)) {
            auto waited = co_await news_.wait();
            if (!waited) co_return waited;
        }
        co_return base::ok();
    }
    aio::task<> until_ready() { return until(databases, "cache", "Ready"); }
    aio::task<> until_over(std::string name, std::string phase) {
        return until("ops.kubedb.com/redisopsrequests", std::move(name), std::move(phase));
    }
    base::outcome<void> set(std::string_view faults) {
        return switches_.set(json::parse(faults).as_object(), cluster_.get());
    }
    apiserver::simulator::proxied scrape() {
        apiserver::request_info asked{.ns = "t", .name = "cache-stats:metrics"};
        auto answered = cluster_->proxy(asked);
        EXPECT_TRUE(answered);
        return answered ? std::move(*answered) : apiserver::simulator::proxied{};
    }

    const std::string databases = "kubedb.com/redises";
    aio::loop loop_;
    aio::notification news_{loop_.executor()};
    apiserver::object_store objects_;
    apiserver::type_table types_;
    apiserver::api_core core_{objects_, types_, base::system_clock()};
    apiserver::fault_injector switches_;
    std::unique_ptr<apiserver::simulator> cluster_;
};

TEST_F(played, requests_fail_on_demand_and_change_nothing) {
    play([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"failing_requests":1})"));
        make_request("first");
        auto over = co_await until_over("first", "Failed");
        if (!over) co_return over;
        EXPECT_EQ(at(databases, "cache", "/spec/replicas"), 1);
        EXPECT_TRUE(set("{}"));
        make_request("second");
        over = co_await until_over("second", "Successful");
        EXPECT_EQ(at(databases, "cache", "/spec/replicas"), 2);
        co_return over;
    });
}

TEST_F(played, what_is_not_given_is_cleared) {
    play([this]() -> aio::task<> {
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

TEST_F(played, switches_that_are_refused_change_nothing) {
    play([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":0.001,"scrapes":{"refused":1}})"));
        for (const auto* wrong :
             {R"({"error_status":9})", R"({"haunted":1})", R"({"scrapes":{"haunted":1}})",
              R"({"scrapes":{"hung":2}})", R"({"scrapes":1})", R"({"failing_requests":2})",
              R"({"flaps_per_second":-1})", R"({"forget_scrapes":1,"scrapes":{}})"}) {
            const auto refused = set(wrong);
            EXPECT_EQ(refused.error().code, base::errc::invalid) << wrong;
            EXPECT_EQ(scrape().outgoing.response.status, 503U) << wrong;
            EXPECT_EQ(cluster_->stats().at("flaps_per_second"), 0.001) << wrong;
        }
        co_return base::ok();
    });
}

// However often the switch is set before, and however slow that was.
TEST_F(played, databases_fall_ill_as_often_as_was_said_last) {
    play([this]() -> aio::task<> {
        make_database();
        auto ready = co_await until_ready();
        if (!ready) co_return ready;
        EXPECT_TRUE(set(R"({"flaps_per_second":0.001})"));
        EXPECT_TRUE(set(R"({"flaps_per_second":500})"));
        while (at(databases, "cache", "/status/phase") == "Ready") {
            auto changed = co_await news_.wait();
            if (!changed) co_return base::pass(std::move(changed));
        }
        EXPECT_TRUE(set("{}"));
        co_return base::ok();
    });
}

TEST_F(played, more_trouble_than_can_be_made_leaves_the_loop_to_others) {
    play([this]() -> aio::task<> {
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
