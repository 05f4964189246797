#include "kube/lease_state.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace kube {
namespace {

using std::chrono::seconds;
using action_kind = lease_state::action_kind;

class lease_state_test : public testing::Test {
  protected:
    // A lease as the API server shows it.
    static json::object lease(std::string_view holder, std::string_view renewed, int length = 15) {
        return {
            {"metadata", {{"name", "leader"}, {"resourceVersion", "7"}, {"managedFields", {1}}}},
            {"spec",
             {{"holderIdentity", holder},
              {"leaseDurationSeconds", length},
              {"renewTime", renewed},
              {"acquireTime", "2020-01-01T00:00:00.000000Z"},
              {"leaseTransitions", 4},
              {"strategy", "of the future"}}}};
    }
    [[nodiscard]] lease_state::action to_hold(std::string holder, bool has_read) const {
        return state_.to_hold(
            {.name = "leader", .holder = std::move(holder), .duration = seconds(10)}, has_read,
            {now_, wall_});
    }
    [[nodiscard]] lease_state::action to_release(std::string holder, bool has_read) const {
        return state_.to_release("leader", holder, has_read, {now_, wall_});
    }
    void observe(json::object observed) { state_.on_observed(now_, "leader", std::move(observed)); }

    lease_state state_{"home", {{"app", "we"}}};
    base::steady_time now_{std::chrono::hours(1)};
    base::instant wall_ = *base::from_rfc3339("2025-11-24T14:30:00.123456Z");
};

TEST_F(lease_state_test, looks_before_it_makes_one) {
    EXPECT_EQ(to_hold("a", false).kind, action_kind::read);
    const auto created = to_hold("a", true);
    EXPECT_EQ(created.kind, action_kind::create);
    EXPECT_EQ(created.body, json::parse(R"({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "namespace": "home", "labels": {"app": "we"}},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 10, "leaseTransitions": 0,
                 "acquireTime": "2025-11-24T14:30:00.123456Z",
                 "renewTime": "2025-11-24T14:30:00.123456Z"}})"));
}

TEST_F(lease_state_test, renews_its_own_without_a_look_and_keeps_what_it_does_not_know) {
    observe(lease("a", "2025-11-24T14:29:55.000000Z"));
    const auto next = to_hold("a", false);
    EXPECT_EQ(next.kind, action_kind::update);
    EXPECT_EQ(next.body, json::parse(R"({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "resourceVersion": "7", "labels": {"app": "we"}},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 10, "leaseTransitions": 4,
                 "acquireTime": "2020-01-01T00:00:00.000000Z",
                 "renewTime": "2025-11-24T14:30:00.123456Z", "strategy": "of the future"}})"));
}

// A PUT without a change has no effect, and the others would see a dead holder.
TEST_F(lease_state_test, never_writes_the_same_time_twice) {
    observe(lease("a", "2025-11-24T14:30:00.123456Z"));
    EXPECT_EQ(to_hold("a", false).body.at("spec").at("renewTime"),
              json::value("2025-11-24T14:30:00.123457Z"));
}

TEST_F(lease_state_test, takes_over_when_nothing_has_changed_for_its_holders_duration) {
    observe(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_hold("a", false).kind, action_kind::read);  // never without a look
    EXPECT_EQ(to_hold("a", true).kind, action_kind::reject);
    now_ += seconds(14);
    observe(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_hold("a", true).kind, action_kind::reject);
    now_ += seconds(1);
    EXPECT_EQ(to_hold("a", false).kind, action_kind::read);
    const auto takeover = to_hold("a", true);
    ASSERT_EQ(takeover.kind, action_kind::update);
    const auto& spec = takeover.body.at("spec").as_object();
    EXPECT_EQ(spec.at("holderIdentity"), json::value("a"));
    EXPECT_EQ(spec.at("leaseTransitions"), json::value(5));
    EXPECT_EQ(spec.at("acquireTime"), spec.at("renewTime"));
    EXPECT_EQ(takeover.body.at("metadata").at("resourceVersion"), json::value("7"));
}

// Clocks that are years apart do not matter, in either direction.
TEST_F(lease_state_test, ignores_wall_clocks) {
    for (const auto* renewed : {"1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"}) {
        observe(lease("b", renewed));
        EXPECT_EQ(to_hold("a", true).kind, action_kind::reject) << renewed;
        now_ += seconds(15);
        EXPECT_EQ(to_hold("a", true).kind, action_kind::update) << renewed;
    }
    // A clock that was put back is a change like any other.
    observe(lease("b", "1999-01-01T00:00:00.000000Z"));
    EXPECT_EQ(to_hold("a", true).kind, action_kind::reject);
}

TEST_F(lease_state_test, restarts_the_expiry_after_a_renewal_and_not_after_a_label) {
    observe(lease("b", "2025-11-24T14:30:00.000000Z"));
    now_ += seconds(14);
    observe(lease("b", "2025-11-24T14:30:10.000000Z"));
    now_ += seconds(14);
    auto labelled = lease("b", "2025-11-24T14:30:10.000000Z");
    labelled["metadata"].as_object()["resourceVersion"] = "8";
    observe(std::move(labelled));
    EXPECT_EQ(state_.live_holder("leader", now_), "b");
    now_ += seconds(1);
    EXPECT_EQ(state_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).body.at("metadata").at("resourceVersion"), json::value("8"));
}

TEST_F(lease_state_test, reads_odd_durations_with_care) {
    auto odd = lease("b", "2025-11-24T14:30:00.000000Z");
    odd["spec"].as_object().erase("leaseDurationSeconds");
    observe(odd);
    now_ += seconds(14);
    EXPECT_EQ(state_.live_holder("leader", now_), "b");
    now_ += seconds(1);
    EXPECT_EQ(state_.live_holder("leader", now_), "");
    odd["spec"].as_object()["leaseDurationSeconds"] = std::numeric_limits<std::int64_t>::max();
    observe(odd);
    EXPECT_EQ(state_.live_holder("leader", now_ + std::chrono::hours(23)), "b");
    EXPECT_EQ(state_.live_holder("leader", now_ + std::chrono::hours(24)), "");
}

TEST_F(lease_state_test, looks_again_after_a_write_whose_end_is_unknown) {
    observe(lease("a", "2025-11-24T14:30:00.000000Z"));
    state_.on_unconfirmed_write("leader");
    EXPECT_EQ(to_hold("a", false).kind, action_kind::read);
    EXPECT_EQ(to_release("a", false).kind, action_kind::read);
    // An unconfirmed write does not reset the count of an unchanged lease.
    now_ += seconds(15);
    observe(lease("a", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(state_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", false).kind, action_kind::update);
}

TEST_F(lease_state_test, releases_only_its_own) {
    EXPECT_EQ(to_release("a", false).kind, action_kind::read);
    EXPECT_EQ(to_release("a", true).kind, action_kind::nothing);
    observe(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_release("a", false).kind, action_kind::read);
    EXPECT_EQ(to_release("a", true).kind, action_kind::nothing);
    EXPECT_EQ(to_release("", true).kind, action_kind::nothing);
    const auto freed = to_release("b", false);
    ASSERT_EQ(freed.kind, action_kind::update);
    EXPECT_FALSE(freed.body.at("spec").as_object().contains("holderIdentity"));
    EXPECT_EQ(freed.body.at("spec").at("renewTime"), json::value("2025-11-24T14:30:00.123456Z"));
    observe(freed.body);
    EXPECT_EQ(state_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).kind, action_kind::update);
    EXPECT_EQ(to_hold("a", true).body.at("spec").at("leaseTransitions"), json::value(5));
}

TEST_F(lease_state_test, survives_a_lease_without_content) {
    observe({});
    EXPECT_EQ(state_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).body.at("spec").at("holderIdentity"), json::value("a"));
    observe({{"metadata", 1}, {"spec", "?"}});
    EXPECT_EQ(to_hold("a", true).kind, action_kind::update);
}

TEST_F(lease_state_test, drops_leases_that_are_not_observed) {
    observe(lease("a", "2025-11-24T14:30:00.000000Z"));
    state_.forget_old(now_ + std::chrono::hours(40));
    EXPECT_EQ(state_.size(), 1U);
    state_.forget_old(now_ + std::chrono::hours(49));
    EXPECT_EQ(state_.size(), 0U);
}

}  // namespace
}  // namespace kube
