#include "kubedb/observe.hpp"
#include "json/json.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace kubedb {
namespace {

json::object parsed(std::string_view text) {
    return json::parse(text).as_object();
}

TEST(observe, unknown_phase_is_none) {
    const auto& dialect = *find_dialect("redis");
    const auto phase = [&](std::string_view word) {
        return observe_database(dialect, {{"status", {{"phase", word}}}}).phase;
    };
    EXPECT_EQ(phase("Critical"), domain::observed_phase::critical);
    EXPECT_EQ(phase("DataRestoring"), domain::observed_phase::restoring);
    EXPECT_EQ(phase("Brilliant"), domain::observed_phase::none);
}

TEST(observe, fields_of_wrong_types_are_ignored) {
    const auto seen = observe_database(
        *find_dialect("postgres"),
        parsed(R"({"metadata":7,"status":{"conditions":[5]},"spec":{"replicas":"x","storage":[],
            "podTemplate":{"spec":{"containers":[1,{"name":"postgres","resources":"no"}]}}}})"));
    EXPECT_TRUE(seen.exists);
    EXPECT_EQ(seen.topology, domain::topology());
    EXPECT_TRUE(seen.conditions.empty());
}

TEST(observe, labels_of_systems_are_not_user_labels) {
    const auto seen = observe_database(*find_dialect("redis"), parsed(R"({"metadata":{"labels":{
        "team":"web","app.kubernetes.io/name":"x",
        "kubedb-dbaas.io/database-id":"db-1","a.b/c":"d"}}})"));
    EXPECT_EQ(seen.labels, (domain::labels{{"a.b/c", "d"}, {"team", "web"}}));
    EXPECT_EQ(seen.owner_database_id, "db-1");
}

// Otherwise the platform and the policy would revert each other's writes indefinitely.
TEST(observe, labels_missing_in_the_annotation_are_not_user_labels) {
    const auto labels_of = [](const std::string& note) {
        return observe_database(*find_dialect("redis"),
                                parsed(R"({"metadata":{"annotations":{)" + note + R"(},"labels":{
            "team":"web","tea":"1","cost/center":"7","argocd.example/instance":"x",
            "kubedb-dbaas.io/database-id":"db-1"}}})"))
            .labels;
    };
    EXPECT_EQ(labels_of(R"("kubedb-dbaas.io/labels":"cost/center,gone,team")"),
              (domain::labels{{"cost/center", "7"}, {"team", "web"}}));
    EXPECT_EQ(labels_of(R"("kubedb-dbaas.io/labels":"")"), domain::labels());
    EXPECT_EQ(labels_of(R"("kubedb-dbaas.io/labels":"kubedb-dbaas.io/database-id,tea")"),
              (domain::labels{{"tea", "1"}}));
    // An object without the annotation.
    EXPECT_EQ(labels_of(R"("other":"x")").size(), 4U);
}

TEST(observe, ops_request_of_unknown_type_is_not_terminal) {
    const auto seen = observe_change(
        parsed(R"({"spec":{"type":"ReconfigureTLS"},"status":{"phase":"Progressing"}})"));
    EXPECT_FALSE(seen.known_kind);
    EXPECT_FALSE(seen.is_terminal());
}

TEST(observe, last_condition_of_an_ops_request_is_its_reason) {
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

TEST(observe, endpoints_are_read_from_service_or_url) {
    const auto endpoints_of = [](std::string_view client) {
        const auto endpoints = observe_endpoints(
            find_dialect("mysql")->kind(),
            parsed(fmt::format(R"({{"metadata":{{"namespace":"n"}},"spec":{{"clientConfig":{}}}}})",
                               client)));
        std::string text;
        for (const auto& [purpose, host, port] : endpoints) {
            text += fmt::format("{}={}:{} ", purpose, host, port);
        }
        return text;
    };
    EXPECT_EQ(endpoints_of(R"({"service":{"name":"pg","port":5432}})"), "primary=pg.n.svc:5432 ");
    EXPECT_EQ(endpoints_of(R"({"service":{"name":"pg","namespace":"m"}})"),
              "primary=pg.m.svc:3306 ");
    EXPECT_EQ(endpoints_of(R"({"url":"postgresql://u@127.0.0.1:41/x?y"})"),
              "primary=127.0.0.1:41 ");
    EXPECT_EQ(endpoints_of(R"({"url":"tcp(my.n.svc:3306)/"})"), "primary=my.n.svc:3306 ");
    EXPECT_EQ(endpoints_of(R"({"url":"root:p@/(x@tcp(my.n.svc)/"})"), "primary=my.n.svc:3306 ");
    EXPECT_EQ(endpoints_of(R"({"url":"mongodb://[fd00::7]:1"})"), "primary=fd00::7:1 ");
    EXPECT_EQ(endpoints_of(R"({"url":"mongodb://a:1,b/x"})"), "member=a:1 member=b:3306 ");
    EXPECT_EQ(endpoints_of(R"({"url":"mysql://h:abc/"})"), "");
    EXPECT_EQ(endpoints_of(R"({"url":"no host"})"), "");
    EXPECT_EQ(endpoints_of(R"({})"), "");
}

TEST(observe, event_time_is_the_last_time_of_an_event) {
    const auto seen =
        observe_event(parsed(R"({"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"},
        "involvedObject":{"kind":"Pod","namespace":"n","name":"p"},"reason":"BackOff",
        "eventTime":"2026-01-02T00:00:00.000000Z","type":"Warning"})"));
    EXPECT_EQ(seen.last_seen, base::from_rfc3339("2026-01-02T00:00:00Z"));
    EXPECT_EQ(seen.first_seen, base::from_rfc3339("2026-01-01T00:00:00Z"));
    EXPECT_EQ(seen.object, "Pod/p");
}

// As kube-scheduler and other writers of events.k8s.io do.
TEST(observe, count_and_times_of_an_event_include_its_series) {
    auto event = parsed(R"({"metadata":{"name":"cache-0.18a1"},"type":"Warning",
        "reason":"FailedScheduling","eventTime":"2026-11-28T08:00:00.123456Z",
        "firstTimestamp":null,"lastTimestamp":null,
        "series":{"count":108,"lastObservedTime":"2026-11-28T20:59:30.000001Z"}})");
    const auto seen = observe_event(event);
    EXPECT_EQ(seen.count, 108);
    EXPECT_EQ(seen.first_seen, base::from_rfc3339("2026-11-28T08:00:00.123456Z"));
    EXPECT_EQ(seen.last_seen, base::from_rfc3339("2026-11-28T20:59:30.000001Z"));
    event["series"] = parsed(R"({"count":109,"lastObservedTime":"2026-11-28T21:04:30.000001Z"})");
    const auto repeated = observe_event(event);
    EXPECT_EQ(repeated.count, 109);
    EXPECT_EQ(repeated.last_seen, base::from_rfc3339("2026-11-28T21:04:30.000001Z"));
}

TEST(observe, times_of_an_event_are_the_oldest_and_the_newest) {
    const auto newer = [](const std::string& time) {
        return observe_event(
            parsed(R"({"metadata":{"creationTimestamp":"2026-01-02T00:00:00Z"},)" + time + "}"));
    };
    for (const auto* time : {R"("firstTimestamp":"2026-01-03T00:00:00Z")",
                             (R"("firstTimestamp":"0001-01-01T00:00:00Z",)"
                              R"("lastTimestamp":"2026-01-03T00:00:00Z")"),
                             R"("lastTimestamp":"2026-01-03T00:00:00Z")",
                             R"("eventTime":"2026-01-03T00:00:00.000000Z")",
                             R"("series":{"lastObservedTime":"2026-01-03T00:00:00.000000Z"})"}) {
        EXPECT_EQ(newer(time).first_seen, base::from_rfc3339("2026-01-02T00:00:00Z")) << time;
        EXPECT_EQ(newer(time).last_seen, base::from_rfc3339("2026-01-03T00:00:00Z")) << time;
    }
}

TEST(observe, metrics_port_is_the_port_named_metrics) {
    const auto port_of = [](std::string spec) {
        return metrics_port(parsed(R"({"spec":)" + std::move(spec) + "}"));
    };
    const std::string ports = R"([{"name":"db","port":1},{"name":"metrics","port":9121,)"
                              R"("targetPort":56790}])";
    EXPECT_EQ(port_of(R"({"clusterIP":"10.0.0.7","ports":)" + ports + "}"), 9121);
    EXPECT_EQ(port_of(R"({"clusterIP":"None","ports":)" + ports + "}"), 56790);
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
