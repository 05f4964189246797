#include "devcluster/controller/request_plan.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

namespace controller {
namespace {

using base::errc;
using namespace std::chrono_literals;

const engine_kind& postgres() {
    return engine_kinds()[0];
}

json::object object(std::string_view text) {
    return json::parse(text).as_object();
}

ops_request request(std::string name, std::string type, std::string phase, std::string created) {
    return {.ns = "shop",
            .name = std::move(name),
            .type = std::move(type),
            .phase = std::move(phase),
            .created = std::move(created)};
}

ops_request with_spec(std::string type, std::string_view spec) {
    return {.type = std::move(type), .spec = object(spec)};
}

// ---- order ----

TEST(request_order, starts_the_oldest_request) {
    const std::vector all{request("b", "Restart", "", "2026-01-01T00:00:02Z"),
                          request("a", "VolumeExpansion", "Pending", "2026-01-01T00:00:01Z")};
    EXPECT_EQ(order_requests(all).next, &all[1]);
    EXPECT_TRUE(order_requests(all).skipped.empty());
}

TEST(request_order, continues_a_started_request) {
    const std::vector all{request("a", "Restart", "", "2026-01-01T00:00:01Z"),
                          request("b", "VolumeExpansion", "Progressing", "2026-01-01T00:00:02Z")};
    EXPECT_EQ(order_requests(all).next, &all[1]);
}

TEST(request_order, supersedes_older_requests_of_one_type) {
    const std::vector all{request("a", "VerticalScaling", "", "2026-01-01T00:00:01Z"),
                          request("b", "VerticalScaling", "", "2026-01-01T00:00:02Z"),
                          request("c", "VerticalScaling", "Pending", "2026-01-01T00:00:03Z")};
    const auto order = order_requests(all);
    EXPECT_EQ(order.next, &all[2]);
    ASSERT_EQ(order.skipped.size(), 2U);
    EXPECT_EQ(order.skipped[0].request, all.data());
    EXPECT_EQ(order.skipped[0].winner, &all[2]);
    EXPECT_EQ(order.skipped[1].winner, &all[2]);
}

TEST(request_order, does_not_supersede_a_running_request) {
    const std::vector all{request("a", "Restart", "Progressing", "2026-01-01T00:00:01Z"),
                          request("b", "Restart", "", "2026-01-01T00:00:02Z")};
    const auto order = order_requests(all);
    EXPECT_EQ(order.next, all.data());
    EXPECT_TRUE(order.skipped.empty());
}

TEST(request_order, ignores_finished_requests) {
    const std::vector all{request("a", "Restart", "Successful", "2026-01-01T00:00:01Z"),
                          request("b", "Restart", "Failed", "2026-01-01T00:00:02Z"),
                          request("c", "Restart", "Skipped", "2026-01-01T00:00:03Z"),
                          request("d", "Restart", "Denied", "2026-01-01T00:00:04Z")};
    const auto order = order_requests(all);
    EXPECT_EQ(order.next, nullptr);
    EXPECT_TRUE(order.skipped.empty());
}

TEST(request_order, orders_equal_times_by_name) {
    const std::vector all{request("b", "Restart", "", "2026-01-01T00:00:01Z"),
                          request("a", "VolumeExpansion", "", "2026-01-01T00:00:01Z")};
    EXPECT_EQ(order_requests(all).next, &all[1]);
}

// ---- change ----

TEST(spec_change, keeps_other_containers_in_vertical_scaling) {
    const auto spec = object(R"({"podTemplate":{"spec":{"containers":[
        {"name":"pg-coordinator","resources":{}},
        {"name":"postgres","resources":{"requests":{"memory":"1Gi"}},"env":[]}]}}})");
    const auto change = spec_change(
        postgres(), spec,
        with_spec(
            "VerticalScaling",
            R"({"verticalScaling":{"postgres":{"resources":{"requests":{"memory":"2Gi"}}}}})"));
    ASSERT_TRUE(change) << change.error().text;
    EXPECT_EQ(*change, object(R"({"podTemplate":{"spec":{"containers":[
        {"name":"pg-coordinator","resources":{}},
        {"name":"postgres","resources":{"requests":{"memory":"2Gi"}},"env":[]}]}}})"));
}

TEST(spec_change, sets_replicas_in_horizontal_scaling) {
    const auto change = spec_change(
        postgres(), {}, with_spec("HorizontalScaling", R"({"horizontalScaling":{"replicas":3}})"));
    ASSERT_TRUE(change);
    EXPECT_EQ(*change, object(R"({"replicas":3})"));
}

TEST(spec_change, rejects_a_smaller_volume) {
    const auto spec = object(R"({"storage":{"resources":{"requests":{"storage":"2Gi"}}}})");
    const auto grown = spec_change(
        postgres(), spec,
        with_spec("VolumeExpansion", R"({"volumeExpansion":{"postgres":"3Gi","mode":"Online"}})"));
    ASSERT_TRUE(grown);
    EXPECT_EQ(*grown, object(R"({"storage":{"resources":{"requests":{"storage":"3Gi"}}}})"));
    const auto shrunk =
        spec_change(postgres(), spec,
                    with_spec("VolumeExpansion", R"({"volumeExpansion":{"postgres":"1Gi"}})"));
    ASSERT_FALSE(shrunk);
    EXPECT_EQ(shrunk.error().code, errc::invalid);
}

TEST(spec_change, names_the_missing_member) {
    for (const auto& [type, spec, where] :
         {std::tuple{"VerticalScaling", "{}", "verticalScaling.postgres"},
          std::tuple{"VerticalScaling", R"({"verticalScaling":{"postgres":5}})",
                     "verticalScaling.postgres"},
          std::tuple{"HorizontalScaling", R"({"horizontalScaling":{"replicas":0}})",
                     "horizontalScaling.replicas"},
          std::tuple{"VolumeExpansion", R"({"volumeExpansion":{"postgres":"much"}})",
                     "volumeExpansion.postgres"}}) {
        const auto change = spec_change(postgres(), {}, with_spec(type, spec));
        ASSERT_FALSE(change) << type;
        EXPECT_EQ(change.error().code, errc::invalid);
        EXPECT_NE(change.error().text.find(where), std::string::npos) << change.error().text;
    }
}

TEST(spec_change, rejects_other_types) {
    const auto change = spec_change(postgres(), {}, with_spec("ReconfigureTLS", "{}"));
    ASSERT_FALSE(change);
    EXPECT_EQ(change.error().code, errc::unsupported);
    const auto shards = spec_change(
        postgres(), {},
        with_spec("HorizontalScaling", R"({"horizontalScaling":{"replicas":2,"shards":4}})"));
    ASSERT_FALSE(shards);
    EXPECT_EQ(shards.error().code, errc::unsupported);
}

TEST(is_applied, compares_the_members_of_the_patch) {
    const auto spec = object(R"({"replicas":2,"storage":{"resources":{"a":1,"b":2}},"list":[1]})");
    EXPECT_TRUE(is_applied({}, spec));
    EXPECT_TRUE(is_applied(object(R"({"replicas":2,"storage":{"resources":{"b":2}}})"), spec));
    EXPECT_TRUE(is_applied(object(R"({"gone":null})"), spec));
    EXPECT_FALSE(is_applied(object(R"({"replicas":3})"), spec));
    EXPECT_FALSE(is_applied(object(R"({"list":[1,2]})"), spec));
    EXPECT_FALSE(is_applied(object(R"({"new":{}})"), spec));
    EXPECT_FALSE(is_applied(object(R"({"replicas":null})"), spec));
}

// ---- reading ----

TEST(read_request, reads_the_members_in_use) {
    const auto read = read_request(object(R"({
        "metadata":{"name":"r1","namespace":"shop","uid":"u","generation":1,
                    "creationTimestamp":"2026-01-01T00:00:00Z"},
        "spec":{"type":"Restart","databaseRef":{"name":"orders"},"apply":"Always",
                "timeout":"1m30s"},
        "status":{"phase":"Progressing","conditions":[{"type":"Progressing","status":"True",
                  "lastTransitionTime":"2026-01-01T00:00:10Z"}]}})"));
    EXPECT_EQ(read.database, "orders");
    EXPECT_TRUE(read.applies_always);
    EXPECT_TRUE(read.is_progressing());
    EXPECT_TRUE(read.restarts());
    EXPECT_EQ(read.timeout, 90s);
    ASSERT_TRUE(read.started);
}

TEST(read_request, accepts_invalid_members) {
    const auto read = read_request(
        object(R"({"metadata":[],"spec":{"timeout":"soon","databaseRef":7},"status":"x"})"));
    EXPECT_EQ(read.timeout, 300s);
    EXPECT_EQ(read.database, "");
    EXPECT_FALSE(read.is_over());
}

TEST(parse_duration, reads_hours_minutes_and_seconds) {
    EXPECT_EQ(parse_duration("5m"), 300s);
    EXPECT_EQ(parse_duration("1h5m10s"), 3910s);
    EXPECT_EQ(parse_duration("0s"), 0s);
    for (const auto* text : {"", "5", "m", "5x", "-5m", "1.5h", "5m 3s", "99999999999999999999s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

}  // namespace
}  // namespace controller
