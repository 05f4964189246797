#include "main/doctor_objects.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"
#include "main/doctor_certificates.hpp"
#include "main/doctor_cluster.hpp"

namespace doctor {
namespace {

// The label of every object of the kit and of the chart.
constexpr const char* selector = "app.kubernetes.io/name=kubedb-dbaas";

kube::resource resource_of(std::string group, std::string version, std::string plural,
                           bool namespaced = true) {
    return {.group = std::move(group),
            .version = std::move(version),
            .plural = std::move(plural),
            .kind = {},
            .namespaced = namespaced};
}

evidence evidence_of(const kube::resource& kind, std::string verb, std::string ns) {
    return {.resource =
                kind.group.empty() ? kind.plural : fmt::format("{}.{}", kind.plural, kind.group),
            .verb = std::move(verb),
            .ns = std::move(ns)};
}

// Reads one page, which is enough for the objects of one platform. `ns` empty: the whole cluster.
aio::task<evidence> list_objects(kube::client& client, kube::resource kind, std::string ns) {
    auto result = evidence_of(kind, "list", ns);
    const auto labels = ns.empty() ? std::string() : std::string(selector);
    auto page = co_await client.list(std::move(kind), std::move(ns), {.label_selector = labels});
    if (page) {
        result.objects = std::move(page->items);
    } else {
        result.is_served = page.error().cause != kube::status_reason::not_served;
        result.objects = base::pass(std::move(page));
    }
    co_return result;
}

aio::task<finding> examine_secret(kube::client& client, std::string ns, std::string name) {
    const auto check = "ingress certificate " + name;
    const auto kind = resource_of("", "v1", "secrets");
    auto source = evidence_of(kind, "get", ns);
    auto secret = co_await client.get(kind, std::move(ns), name);
    if (!secret) {
        if (secret.error().code == base::errc::not_found) {
            co_return failed(check, "the Secret does not exist",
                             "create it, or install the program that does, such as cert-manager");
        }
        source.objects = base::pass(std::move(secret));
        co_return *skip_unknown(check, source);
    }
    const auto encoded = json::text_at(json::object_or_empty(*secret, "data"), "tls.crt");
    const auto pem = base::from_base64(encoded);
    co_return examine_certificate(check, pem.value_or(std::string()),
                                  base::system_clock().utc_now());
}

aio::task<> examine_entry_points(kube::client& client, std::string ns,
                                 std::vector<finding>& findings) {
    const auto ingresses =
        co_await list_objects(client, resource_of("networking.k8s.io", "v1", "ingresses"), ns);
    if (!ingresses) co_return base::pass(ingresses);
    const auto routes = co_await list_objects(
        client, resource_of("gateway.networking.k8s.io", "v1", "httproutes"), ns);
    if (!routes) co_return base::pass(routes);
    findings.push_back(examine_ingress(*ingresses, *routes));
    for (const auto& name : certificate_secrets(*ingresses)) {
        auto entry = co_await examine_secret(client, ns, name);
        if (!entry) co_return base::pass(std::move(entry));
        findings.push_back(std::move(*entry));
    }
    co_return base::ok();
}

aio::task<> examine_webhook_certificates(kube::client& client, std::vector<finding>& findings) {
    std::vector<json::object> configurations;
    for (const auto* plural :
         {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}) {
        auto source = co_await list_objects(
            client, resource_of("admissionregistration.k8s.io", "v1", plural, false), {});
        if (!source) co_return base::pass(std::move(source));
        if (auto unknown = skip_unknown("webhooks", *source)) {
            findings.push_back(std::move(*unknown));
            co_return base::ok();
        }
        if (!source->is_served) continue;
        for (auto& item : *source->objects) configurations.push_back(std::move(item));
    }
    findings.push_back(examine_webhooks(configurations, base::system_clock().utc_now()));
    co_return base::ok();
}

aio::task<> examine_replicas(kube::client& client, std::string ns, std::vector<finding>& findings) {
    const auto autoscalers = co_await list_objects(
        client, resource_of("autoscaling", "v2", "horizontalpodautoscalers"), ns);
    if (!autoscalers) co_return base::pass(autoscalers);
    const auto deployments =
        co_await list_objects(client, resource_of("apps", "v1", "deployments"), ns);
    if (!deployments) co_return base::pass(deployments);
    const auto budgets =
        co_await list_objects(client, resource_of("policy", "v1", "poddisruptionbudgets"), ns);
    if (!budgets) co_return base::pass(budgets);
    findings.push_back(examine_autoscaler(*autoscalers, *deployments));
    findings.push_back(examine_disruption_budget(*budgets));
    co_return base::ok();
}

}  // namespace

aio::task<> examine_objects(kube::client& client, std::string ns, bool has_replicas,
                            std::vector<finding>& findings) {
    auto examined = co_await examine_webhook_certificates(client, findings);
    if (examined) examined = co_await examine_entry_points(client, ns, findings);
    if (examined && has_replicas) examined = co_await examine_replicas(client, ns, findings);
    if (!examined) co_return examined;
    const auto rules = co_await list_objects(
        client, resource_of("monitoring.coreos.com", "v1", "prometheusrules"), ns);
    if (!rules) co_return base::pass(rules);
    const auto monitors = co_await list_objects(
        client, resource_of("monitoring.coreos.com", "v1", "servicemonitors"), ns);
    if (!monitors) co_return base::pass(monitors);
    findings.push_back(examine_alerts(*rules, *monitors));
    co_return base::ok();
}

}  // namespace doctor
