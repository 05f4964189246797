#include "kube/lease_state.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/time_text.hpp"

namespace kube {
namespace {

namespace json = boost::json;
using std::chrono::seconds;
using step = lease_state::step;

class a_lease_book : public testing::Test {
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
    [[nodiscard]] lease_state::order to_hold(std::string holder, bool has_read) const {
        return book_.to_hold(
            {.name = "leader", .holder = std::move(holder), .duration = seconds(10)}, has_read,
            {now_, wall_});
    }
    [[nodiscard]] lease_state::order to_release(std::string holder, bool has_read) const {
        return book_.to_release("leader", holder, has_read, {now_, wall_});
    }
    void see(json::object what) { book_.on_seen(now_, "leader", std::move(what)); }

    lease_state book_{"home", {{"app", "we"}}};
    base::steady_time now_{std::chrono::hours(1)};
    base::instant wall_ = *base::from_rfc3339("2025-11-24T14:30:00.123456Z");
};

TEST_F(a_lease_book, looks_before_it_makes_one) {
    EXPECT_EQ(to_hold("a", false).what, step::read);
    const auto made = to_hold("a", true);
    EXPECT_EQ(made.what, step::create);
    EXPECT_EQ(made.body, json::parse(R"({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "namespace": "home", "labels": {"app": "we"}},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 10, "leaseTransitions": 0,
                 "acquireTime": "2025-11-24T14:30:00.123456Z",
                 "renewTime": "2025-11-24T14:30:00.123456Z"}})"));
}

TEST_F(a_lease_book, renews_its_own_without_a_look_and_keeps_what_it_does_not_know) {
    see(lease("a", "2025-11-24T14:29:55.000000Z"));
    const auto next = to_hold("a", false);
    EXPECT_EQ(next.what, step::update);
    EXPECT_EQ(next.body, json::parse(R"({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "resourceVersion": "7", "labels": {"app": "we"}},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 10, "leaseTransitions": 4,
                 "acquireTime": "2020-01-01T00:00:00.000000Z",
                 "renewTime": "2025-11-24T14:30:00.123456Z", "strategy": "of the future"}})"));
}

// A PUT without a change has no effect, and the others would see a dead holder.
TEST_F(a_lease_book, never_writes_the_same_time_twice) {
    see(lease("a", "2025-11-24T14:30:00.123456Z"));
    EXPECT_EQ(to_hold("a", false).body.at("spec").at("renewTime"),
              json::value("2025-11-24T14:30:00.123457Z"));
}

TEST_F(a_lease_book, takes_over_when_nothing_has_changed_for_its_holders_duration) {
    see(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_hold("a", false).what, step::read);  // never without a look
    EXPECT_EQ(to_hold("a", true).what, step::refuse);
    now_ += seconds(14);
    see(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_hold("a", true).what, step::refuse);
    now_ += seconds(1);
    EXPECT_EQ(to_hold("a", false).what, step::read);
    const auto taken = to_hold("a", true);
    ASSERT_EQ(taken.what, step::update);
    const auto& spec = taken.body.at("spec").as_object();
    EXPECT_EQ(spec.at("holderIdentity"), json::value("a"));
    EXPECT_EQ(spec.at("leaseTransitions"), json::value(5));
    EXPECT_EQ(spec.at("acquireTime"), spec.at("renewTime"));
    EXPECT_EQ(taken.body.at("metadata").at("resourceVersion"), json::value("7"));
}

// Clocks that are years apart do not matter, in either direction.
TEST_F(a_lease_book, believes_no_wall_clock) {
    for (const auto* renewed : {"1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"}) {
        see(lease("b", renewed));
        EXPECT_EQ(to_hold("a", true).what, step::refuse) << renewed;
        now_ += seconds(15);
        EXPECT_EQ(to_hold("a", true).what, step::update) << renewed;
    }
    // A clock that was put back is a change like any other.
    see(lease("b", "1999-01-01T00:00:00.000000Z"));
    EXPECT_EQ(to_hold("a", true).what, step::refuse);
}

TEST_F(a_lease_book, begins_to_wait_anew_after_each_renewal_but_not_after_a_label) {
    see(lease("b", "2025-11-24T14:30:00.000000Z"));
    now_ += seconds(14);
    see(lease("b", "2025-11-24T14:30:10.000000Z"));
    now_ += seconds(14);
    auto labelled = lease("b", "2025-11-24T14:30:10.000000Z");
    labelled["metadata"].as_object()["resourceVersion"] = "8";
    see(std::move(labelled));
    EXPECT_EQ(book_.live_holder("leader", now_), "b");
    now_ += seconds(1);
    EXPECT_EQ(book_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).body.at("metadata").at("resourceVersion"), json::value("8"));
}

TEST_F(a_lease_book, reads_odd_durations_with_care) {
    auto odd = lease("b", "2025-11-24T14:30:00.000000Z");
    odd["spec"].as_object().erase("leaseDurationSeconds");
    see(odd);
    now_ += seconds(14);
    EXPECT_EQ(book_.live_holder("leader", now_), "b");
    now_ += seconds(1);
    EXPECT_EQ(book_.live_holder("leader", now_), "");
    odd["spec"].as_object()["leaseDurationSeconds"] = std::numeric_limits<std::int64_t>::max();
    see(odd);
    EXPECT_EQ(book_.live_holder("leader", now_ + std::chrono::hours(23)), "b");
    EXPECT_EQ(book_.live_holder("leader", now_ + std::chrono::hours(24)), "");
}

TEST_F(a_lease_book, looks_again_after_a_write_whose_end_is_unknown) {
    see(lease("a", "2025-11-24T14:30:00.000000Z"));
    book_.on_doubt("leader");
    EXPECT_EQ(to_hold("a", false).what, step::read);
    EXPECT_EQ(to_release("a", false).what, step::read);
    // The doubt does not set back the count of an unchanged lease.
    now_ += seconds(15);
    see(lease("a", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(book_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", false).what, step::update);
}

TEST_F(a_lease_book, releases_only_its_own) {
    EXPECT_EQ(to_release("a", false).what, step::read);
    EXPECT_EQ(to_release("a", true).what, step::nothing);
    see(lease("b", "2025-11-24T14:30:00.000000Z"));
    EXPECT_EQ(to_release("a", false).what, step::read);
    EXPECT_EQ(to_release("a", true).what, step::nothing);
    EXPECT_EQ(to_release("", true).what, step::nothing);
    const auto freed = to_release("b", false);
    ASSERT_EQ(freed.what, step::update);
    EXPECT_FALSE(freed.body.at("spec").as_object().contains("holderIdentity"));
    EXPECT_EQ(freed.body.at("spec").at("renewTime"), json::value("2025-11-24T14:30:00.123456Z"));
    see(freed.body);
    EXPECT_EQ(book_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).what, step::update);
    EXPECT_EQ(to_hold("a", true).body.at("spec").at("leaseTransitions"), json::value(5));
}

TEST_F(a_lease_book, survives_a_lease_without_content) {
    see({});
    EXPECT_EQ(book_.live_holder("leader", now_), "");
    EXPECT_EQ(to_hold("a", true).body.at("spec").at("holderIdentity"), json::value("a"));
    see({{"metadata", 1}, {"spec", "?"}});
    EXPECT_EQ(to_hold("a", true).what, step::update);
}

TEST_F(a_lease_book, forgets_what_nobody_looks_at) {
    see(lease("a", "2025-11-24T14:30:00.000000Z"));
    book_.forget_old(now_ + std::chrono::hours(40));
    EXPECT_EQ(book_.size(), 1U);
    book_.forget_old(now_ + std::chrono::hours(49));
    EXPECT_EQ(book_.size(), 0U);
}

}  // namespace
}  // namespace kube
