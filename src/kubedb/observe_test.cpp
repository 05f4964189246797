#include "kubedb/observe.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/time_text.hpp"

namespace kubedb {
namespace {

boost::json::object parsed(std::string_view text) {
    return boost::json::parse(text).as_object();
}

TEST(observe, a_phase_that_nobody_knows_is_none) {
    const auto& kind = *find_kind("redis");
    const auto phase = [&](std::string_view word) {
        return observe_database(kind, {{"status", {{"phase", word}}}}).phase;
    };
    EXPECT_EQ(phase("Critical"), domain::observed_phase::critical);
    EXPECT_EQ(phase("DataRestoring"), domain::observed_phase::restoring);
    EXPECT_EQ(phase("Brilliant"), domain::observed_phase::none);
}

TEST(observe, an_object_of_wrong_types_is_an_empty_one) {
    const auto seen = observe_database(
        *find_kind("postgres"),
        parsed(R"({"metadata":7,"status":{"conditions":[5]},"spec":{"replicas":"x","storage":[],
            "podTemplate":{"spec":{"containers":[1,{"name":"postgres","resources":"no"}]}}}})"));
    EXPECT_TRUE(seen.exists);
    EXPECT_EQ(seen.topology, domain::topology());
    EXPECT_TRUE(seen.conditions.empty());
}

TEST(observe, labels_of_systems_are_not_the_users) {
    const auto seen = observe_database(*find_kind("redis"), parsed(R"({"metadata":{"labels":{
        "team":"web","app.kubernetes.io/name":"x",
        "kubedb-dbaas.io/database-id":"db-1","a.b/c":"d"}}})"));
    EXPECT_EQ(seen.labels, (domain::labels{{"a.b/c", "d"}, {"team", "web"}}));
    EXPECT_EQ(seen.owner_database_id, "db-1");
}

// Otherwise the platform and the policy would revert each other's writes indefinitely.
TEST(observe, labels_that_somebody_else_has_put_are_not_the_users) {
    const auto tags_of = [](const std::string& note) {
        return observe_database(*find_kind("redis"),
                                parsed(R"({"metadata":{"annotations":{)" + note + R"(},"labels":{
            "team":"web","tea":"1","cost/center":"7","argocd.example/instance":"x",
            "kubedb-dbaas.io/database-id":"db-1"}}})"))
            .labels;
    };
    EXPECT_EQ(tags_of(R"("kubedb-dbaas.io/labels":"cost/center,gone,team")"),
              (domain::labels{{"cost/center", "7"}, {"team", "web"}}));
    EXPECT_EQ(tags_of(R"("kubedb-dbaas.io/labels":"")"), domain::labels());
    EXPECT_EQ(tags_of(R"("kubedb-dbaas.io/labels":"kubedb-dbaas.io/database-id,tea")"),
              (domain::labels{{"tea", "1"}}));
    // An object without the annotation.
    EXPECT_EQ(tags_of(R"("other":"x")").size(), 4U);
}

TEST(observe, a_request_of_a_type_that_is_never_asked_for_still_occupies) {
    const auto seen = observe_change(
        parsed(R"({"spec":{"type":"ReconfigureTLS"},"status":{"phase":"Progressing"}})"));
    EXPECT_FALSE(seen.known_kind);
    EXPECT_FALSE(seen.is_terminal());
}

TEST(observe, the_last_condition_of_a_request_is_its_cause) {
    const auto seen =
        observe_change(parsed(R"({"metadata":{"labels":{"kubedb-dbaas.io/operation-id":"op-1"}},
        "spec":{"type":"VolumeExpansion"},"status":{"phase":"Failed","conditions":[
        {"type":"VolumeExpansion","reason":"Started"},
        {"type":"Failed","reason":"NoClass","message":"does not grow"}]}})"));
    EXPECT_EQ(seen.kind, domain::change_kind::volume_expansion);
    EXPECT_EQ(seen.operation_id, "op-1");
    EXPECT_EQ(seen.reason, "NoClass");
    EXPECT_EQ(seen.message, "does not grow");
}

TEST(observe, endpoints_come_from_a_service_or_from_any_url) {
    const auto place = [](std::string_view client) {
        const auto found = observe_endpoints(parsed(fmt::format(
            R"({{"metadata":{{"namespace":"n"}},"spec":{{"clientConfig":{}}}}})", client)));
        return found.empty() ? std::string("none")
                             : fmt::format("{}:{}", found[0].host, found[0].port);
    };
    EXPECT_EQ(place(R"({"service":{"name":"pg","port":5432}})"), "pg.n.svc:5432");
    EXPECT_EQ(place(R"({"url":"postgresql://u@127.0.0.1:41/x?y"})"), "127.0.0.1:41");
    EXPECT_EQ(place(R"({"url":"tcp(my.n.svc:3306)/"})"), "my.n.svc:3306");
    EXPECT_EQ(place(R"({"url":"nonsense"})"), "none");
}

TEST(observe, the_newest_time_of_an_event_counts) {
    const auto seen =
        observe_event(parsed(R"({"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"},
        "involvedObject":{"kind":"Pod","namespace":"n","name":"p"},"reason":"BackOff",
        "eventTime":"2026-01-02T00:00:00.000000Z","type":"Warning"})"));
    EXPECT_EQ(seen.last_seen, base::from_rfc3339("2026-01-02T00:00:00Z"));
    EXPECT_EQ(seen.first_seen, base::from_rfc3339("2026-01-01T00:00:00Z"));
    EXPECT_EQ(seen.object, "Pod/p");
}

TEST(observe, only_a_port_of_that_name_is_for_metrics) {
    const auto port_of = [](std::string spec) {
        return metrics_port(parsed(R"({"spec":)" + std::move(spec) + "}"));
    };
    const std::string of_many = R"([{"name":"db","port":1},{"name":"metrics","port":9121,)"
                                R"("targetPort":56790}])";
    EXPECT_EQ(port_of(R"({"clusterIP":"10.0.0.7","ports":)" + of_many + "}"), 9121);
    EXPECT_EQ(port_of(R"({"clusterIP":"None","ports":)" + of_many + "}"), 56790);
    EXPECT_EQ(port_of(R"({"clusterIP":"None","ports":[{"name":"metrics","port":56790,)"
                      R"("targetPort":"metrics"}]})"),
              56790);
    EXPECT_EQ(port_of(R"({"ports":[{"name":"metrics","port":70000}]})"), 0);
    EXPECT_EQ(port_of(R"({"ports":[{"name":"db","port":1},7]})"), 0);
}

TEST(observe, versions_are_ordered_by_their_numbers) {
    const auto newer = [](std::string a, std::string b) {
        return is_newer({.name = a, .version = a}, {.name = b, .version = b});
    };
    EXPECT_TRUE(newer("17.9", "17.10") == false);
    EXPECT_TRUE(newer("17.10", "9.6"));
    EXPECT_TRUE(newer("8.0.4", "8.0"));
}

}  // namespace
}  // namespace kubedb
