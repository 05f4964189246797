#include "main/doctor_cluster.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace {

using doctor::evidence;
using doctor::result;
using mongo::server_role;

evidence of(std::initializer_list<std::string> texts) {
    evidence source{.resource = "things.example.com", .verb = "list", .ns = "dbaas-system"};
    source.objects.emplace();
    for (const auto& text : texts) source.objects->push_back(json::parse(text).get_object());
    return source;
}

evidence failing(base::errc code) {
    auto source = of({});
    source.objects = base::fail(code, "the server said no");
    return source;
}

evidence not_served() {
    auto source = of({});
    source.is_served = false;
    return source;
}

std::string autoscaler(int min, int max, int current, std::string_view conditions = "") {
    return fmt::format(R"({{"metadata":{{"name":"dbaas-api"}},"spec":{{"minReplicas":{},)"
                       R"("maxReplicas":{},"scaleTargetRef":{{"name":"dbaas-api"}}}},)"
                       R"("status":{{"currentReplicas":{},"conditions":[{}]}}}})",
                       min, max, current, conditions);
}

std::string deployment(std::string_view name, std::string_view spec = "") {
    return fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{{}}}}})", name, spec);
}

TEST(doctor_cluster, names_the_permission_that_a_check_lacks) {
    const auto entry = doctor::skip_unknown("autoscaler", failing(base::errc::denied));
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->result, result::skipped);
    EXPECT_EQ(entry->detail,
              "not checked: needs list on things.example.com in namespace dbaas-system");
    const auto other = doctor::skip_unknown("autoscaler", failing(base::errc::unavailable));
    EXPECT_EQ(other->detail, "not checked: the server said no");
    EXPECT_FALSE(doctor::skip_unknown("autoscaler", of({})));
    EXPECT_FALSE(doctor::skip_unknown("alerts", not_served()));
}

TEST(doctor_cluster, judges_the_autoscaler) {
    struct row {
        evidence autoscalers;
        evidence deployments;
        doctor::result result{};
        const char* detail = "";
    };
    const auto target = of({deployment("dbaas-api")});
    const auto* const no_metrics =
        R"({"type":"ScalingActive","status":"False","message":"unable to get metrics"})";
    const auto denied = failing(base::errc::denied);
    for (const auto& [autoscalers, deployments, result, detail] :
         {row{of({}), target, result::warning, "no HorizontalPodAutoscaler"},
          row{denied, target, result::skipped, "not checked: needs list"},
          row{of({autoscaler(3, 10, 3)}), target, result::ok, "dbaas-api: 3 to 10 pods, now 3"},
          row{of({autoscaler(3, 10, 3)}), denied, result::ok, "3 to 10 pods"},
          row{of({autoscaler(1, 10, 1)}), target, result::warning, "1 to 10 pods"},
          row{of({autoscaler(3, 5, 5)}), target, result::warning, "now 5, its maximum"},
          row{of({autoscaler(3, 5, 3, no_metrics)}), target, result::warning,
              "does not scale: unable to get metrics"},
          row{of({autoscaler(3, 5, 3)}), of({deployment("other")}), result::failed,
              "its Deployment does not exist"},
          row{of({autoscaler(3, 5, 3)}), of({deployment("dbaas-api", R"("replicas":1)")}),
              result::warning, "the Deployment has 1 replicas"},
          row{of({autoscaler(3, 5, 3)}), of({deployment("dbaas-api", R"("replicas":4)")}),
              result::ok, "3 to 5 pods"}}) {
        const auto entry = doctor::examine_autoscaler(autoscalers, deployments);
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
    }
}

TEST(doctor_cluster, judges_the_disruption_budget) {
    const auto budget = [](int healthy, int expected, int allowed) {
        return of({fmt::format(R"({{"metadata":{{"name":"dbaas-api"}},"status":{{)"
                               R"("currentHealthy":{},"expectedPods":{},)"
                               R"("disruptionsAllowed":{}}}}})",
                               healthy, expected, allowed)});
    };
    struct row {
        evidence budgets;
        doctor::result result{};
        const char* detail = "";
    };
    for (const auto& [budgets, result, detail] :
         {row{of({}), result::warning, "no PodDisruptionBudget"},
          row{failing(base::errc::denied), result::skipped, "needs list"},
          row{of({deployment("dbaas-api")}), result::ok, "no status yet"},
          row{budget(3, 3, 1), result::ok, "3 of 3 pods are healthy, 1 may be evicted"},
          row{budget(3, 3, 0), result::warning, "0 may be evicted"},
          row{budget(3, 3, 3), result::warning, "3 may be evicted"},
          row{budget(2, 3, 0), result::warning, "2 of 3 pods"},
          row{budget(0, 0, 0), result::warning, "0 of 0 pods"},
          row{budget(1, 1, 1), result::ok, "1 of 1 pods"}}) {
        const auto entry = doctor::examine_disruption_budget(budgets);
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
    }
}

TEST(doctor_cluster, judges_the_tls_of_each_host) {
    const auto ingress = [](std::string_view tls, std::string_view host) {
        return fmt::format(R"({{"spec":{{"tls":[{}],"rules":[{{"host":"{}"}}]}}}})", tls, host);
    };
    const auto* const tls = R"({"hosts":["a.example.com"],"secretName":"dbaas-tls"})";
    const auto route = of({deployment("dbaas-api")});
    struct row {
        evidence ingresses;
        evidence routes;
        doctor::result result{};
        const char* detail = "";
    };
    for (const auto& [ingresses, routes, result, detail] :
         {row{of({ingress(tls, "a.example.com")}), of({}), result::ok, "TLS for a.example.com"},
          row{of({ingress("", "a.example.com")}), of({}), result::failed, "without TLS: a.example"},
          row{of({ingress(tls, "b.example.com")}), of({}), result::failed,
              "without TLS: b.example"},
          row{of({}), of({}), result::warning, "neither an Ingress nor an HTTPRoute"},
          row{of({}), not_served(), result::warning, "neither an Ingress nor an HTTPRoute"},
          row{of({}), route, result::ok, "an HTTPRoute"},
          row{of({}), failing(base::errc::denied), result::skipped, "needs list"},
          row{failing(base::errc::denied), of({}), result::skipped, "needs list"}}) {
        const auto entry = doctor::examine_ingress(ingresses, routes);
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
    }
    EXPECT_EQ(doctor::certificate_secrets(
                  of({ingress(tls, "a.example.com"), ingress(tls, "a.example.com")})),
              std::vector<std::string>{"dbaas-tls"});
    EXPECT_TRUE(doctor::certificate_secrets(failing(base::errc::denied)).empty());
}

TEST(doctor_cluster, counts_the_alerts) {
    const auto rules =
        of({R"({"spec":{"groups":[{"rules":[{"record":"a"},{"alert":"A"},{"alert":"B"}]}]}})"});
    const auto monitor = of({deployment("dbaas-api")});
    struct row {
        evidence rules;
        evidence monitors;
        doctor::result result{};
        const char* detail = "";
    };
    for (const auto& [alerts, monitors, result, detail] :
         {row{rules, monitor, result::ok, "2 alerts in 1 PrometheusRule, and a ServiceMonitor"},
          row{rules, of({}), result::warning, "but no ServiceMonitor"},
          row{rules, failing(base::errc::denied), result::ok, "2 alerts in 1 PrometheusRule"},
          row{of({R"({"spec":{}})"}), monitor, result::warning, "no PrometheusRule has an alert"},
          row{of({}), monitor, result::warning, "no PrometheusRule has an alert"},
          row{not_served(), not_served(), result::skipped, "does not serve prometheusrules"},
          row{failing(base::errc::denied), monitor, result::skipped, "needs list"}}) {
        const auto entry = doctor::examine_alerts(alerts, monitors);
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
    }
}

TEST(doctor_cluster, judges_the_majority_of_mongodb) {
    const auto servers = [](std::initializer_list<server_role> roles) {
        std::vector<mongo::server_description> list;
        for (const auto role : roles) {
            list.push_back({.address = fmt::format("m{}:27017", list.size()), .role = role});
        }
        return list;
    };
    using enum server_role;
    struct row {
        std::vector<mongo::server_description> servers;
        doctor::result result{};
        const char* detail = "";
    };
    for (const auto& [list, result, detail] :
         {row{servers({primary, secondary, secondary}), result::ok, "3 of 3 members"},
          row{servers({primary, secondary, unreachable}), result::warning, "; not: m2:27017"},
          row{servers({secondary, unreachable, unreachable}), result::failed, "1 of 3 members"},
          row{servers({secondary, secondary, unreachable}), result::failed, "no member is primary"},
          row{servers({primary, secondary, other}), result::warning, "; not: m2:27017"},
          row{servers({primary}), result::warning, "1 of 1 members"},
          row{servers({primary, secondary}), result::warning, "2 of 2 members"},
          row{servers({primary, secondary, arbiter}), result::ok, "2 of 3 members"},
          row{servers({primary, unreachable, arbiter}), result::failed, "1 of 3 members"},
          row{servers({standalone}), result::warning, "no replica set"},
          row{servers({router, router}), result::ok, "sharded"}}) {
        const auto entry = doctor::examine_majority(list);
        EXPECT_EQ(entry.result, result) << entry.detail;
        EXPECT_TRUE(entry.detail.contains(detail)) << entry.detail;
    }
}

}  // namespace
