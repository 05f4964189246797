#include "devcluster/controller/database_health.hpp"

#include <gtest/gtest.h>

#include "json/json_access.hpp"

namespace controller {
namespace {

constexpr auto before = "2026-01-01T00:00:00Z";
constexpr auto now = "2026-01-01T00:05:00Z";

database_facts facts(int ready, bool accepts, bool was_provisioned) {
    return {.replicas = 2, .ready = ready, .accepts = accepts, .was_provisioned = was_provisioned};
}

std::string phase(const database_facts& facts) {
    return std::string(json::text_at(status_of(facts, {}, now), "phase"));
}

const json::object* find(const json::object& status, std::string_view type) {
    for (const auto& each : status.at("conditions").as_array()) {
        if (json::text_at(each.as_object(), "type") == type) return &each.as_object();
    }
    return nullptr;
}

TEST(health, derives_the_phase) {
    EXPECT_EQ(phase(facts(0, false, false)), "Provisioning");
    EXPECT_EQ(phase(facts(1, true, false)), "Provisioning");
    EXPECT_EQ(phase(facts(2, true, true)), "Ready");
    EXPECT_EQ(phase(facts(1, true, true)), "Critical");
    EXPECT_EQ(phase(facts(1, false, true)), "NotReady");
    EXPECT_EQ(phase(facts(0, false, true)), "NotReady");
}

TEST(health, reports_halted_before_readiness) {
    auto halted = facts(0, false, true);
    halted.is_halted = true;
    EXPECT_EQ(phase(halted), "Halted");
    EXPECT_NE(find(status_of(halted, {}, now), "Halted"), nullptr);
}

TEST(health, reports_not_ready_with_the_reason_of_a_rejection) {
    auto refused = facts(0, false, false);
    refused.rejection = "there is no runtime for MySQL here";
    const auto status = status_of(refused, {}, now);
    EXPECT_EQ(json::text_at(status, "phase"), "NotReady");
    EXPECT_EQ(json::text_at(*find(status, "Ready"), "message"), refused.rejection);
}

TEST(health, message_contains_why_a_member_is_not_ready) {
    auto degraded = facts(1, true, true);
    degraded.not_ready_reason = "orders-1: killed by signal 9";
    const auto status = status_of(degraded, {}, now);
    EXPECT_EQ(json::text_at(*find(status, "ReplicaReady"), "message"),
              "1 of 2 members are ready; orders-1: killed by signal 9");
}

TEST(health, keeps_the_time_of_a_condition_until_its_status_changes) {
    const auto first = status_of(facts(2, true, true), {}, before);
    const auto second = status_of(facts(1, true, true), first.at("conditions").as_array(), now);
    EXPECT_EQ(json::text_at(*find(second, "AcceptingConnection"), "lastTransitionTime"), before);
    EXPECT_EQ(json::text_at(*find(second, "ReplicaReady"), "lastTransitionTime"), now);
}

TEST(health, keeps_foreign_conditions_and_removes_own_ones) {
    json::array old{condition("HealthCheckPaused", true, "Elsewhere", "", before),
                    condition("Paused", true, "OpsRequest", "", before)};
    const auto status = status_of(facts(2, true, true), old, now);
    ASSERT_NE(find(status, "HealthCheckPaused"), nullptr);
    EXPECT_EQ(find(status, "Paused"), nullptr);
}

TEST(health, replaces_invalid_conditions) {
    const json::array broken{42, "x", json::object{}, json::object{{"type", "Ready"}}};
    const auto status = status_of(facts(2, true, true), broken, now);
    EXPECT_EQ(json::text_at(*find(status, "Ready"), "lastTransitionTime"), now);
    for (const auto& each : status.at("conditions").as_array()) EXPECT_TRUE(each.is_object());
}

}  // namespace
}  // namespace controller
