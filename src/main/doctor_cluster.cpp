#include "main/doctor_cluster.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "json/json_access.hpp"

namespace doctor {
namespace {

const json::object& spec_of(const json::object& object) {
    return json::object_or_empty(object, "spec");
}

const json::object& status_of(const json::object& object) {
    return json::object_or_empty(object, "status");
}

bool is_empty(const evidence& source) {
    return !source.is_served || (source.objects && source.objects->empty());
}

// Returns the condition of a type, or null.
const json::object* find_condition(const json::object& object, std::string_view type) {
    for (const auto& item : json::array_or_empty(status_of(object), "conditions")) {
        const auto* const condition = item.if_object();
        if (condition != nullptr && json::text_at(*condition, "type") == type) return condition;
    }
    return nullptr;
}

const json::object* find_target(const json::object& autoscaler, const evidence& deployments) {
    if (!deployments.objects) return nullptr;
    const auto wanted =
        json::text_at(json::object_or_empty(spec_of(autoscaler), "scaleTargetRef"), "name");
    const auto entry = std::ranges::find_if(
        *deployments.objects,
        [&](const json::object& candidate) { return name_of(candidate) == wanted; });
    return entry == deployments.objects->end() ? nullptr : &*entry;
}

}  // namespace

std::string name_of(const json::object& object) {
    return std::string(json::text_at(json::object_or_empty(object, "metadata"), "name"));
}

std::optional<finding> skip_unknown(std::string_view check, const evidence& source) {
    if (!source.is_served || source.objects) return std::nullopt;
    const auto place =
        source.ns.empty() ? std::string() : fmt::format(" in namespace {}", source.ns);
    const auto& failure = source.objects.error();
    finding result{
        .check = std::string(check),
        .result = result::skipped,
        .detail = fmt::format("not checked: needs {} on {}{}", source.verb, source.resource, place),
        .advice = "run it with a kubeconfig that may: --kubeconfig FILE"};
    if (failure.code != base::errc::denied) {
        result.detail = fmt::format("not checked: {}", failure.text);
        result.advice = "check the API server";
    }
    return result;
}

finding examine_autoscaler(const evidence& autoscalers, const evidence& deployments) {
    constexpr const char* check = "autoscaler";
    if (auto unknown = skip_unknown(check, autoscalers)) return std::move(*unknown);
    if (is_empty(autoscalers)) {
        return warning(check, "the platform has no HorizontalPodAutoscaler",
                       "apply k8s/hpa.yaml, or set the replicas of the Deployment yourself");
    }
    const auto& autoscaler = autoscalers.objects->front();
    const auto min = json::number_at(spec_of(autoscaler), "minReplicas").value_or(1);
    const auto max = json::number_at(spec_of(autoscaler), "maxReplicas").value_or(0);
    const auto current = json::number_at(status_of(autoscaler), "currentReplicas");
    const auto text = fmt::format("{}: {} to {} pods{}", name_of(autoscaler), min, max,
                                  current ? fmt::format(", now {}", *current) : std::string());
    const auto* const active = find_condition(autoscaler, "ScalingActive");
    if (active != nullptr && json::text_at(*active, "status") == "False") {
        return warning(
            check,
            fmt::format("{}; it does not scale: {}", text, json::text_at(*active, "message")),
            "install metrics-server, and set requests of CPU and memory");
    }
    const auto* const target = find_target(autoscaler, deployments);
    if (deployments.objects && target == nullptr) {
        return failed(check, text + "; its Deployment does not exist",
                      "correct scaleTargetRef of the autoscaler");
    }
    const auto wanted =
        target == nullptr ? std::nullopt : json::number_at(spec_of(*target), "replicas");
    if (wanted && (*wanted < min || *wanted > max)) {
        return warning(check, fmt::format("{}; the Deployment has {} replicas", text, *wanted),
                       "remove replicas from the Deployment, or correct the bounds");
    }
    if (min < 2) {
        return warning(check, text, "set minReplicas to 2 or more, so that one pod may be lost");
    }
    if (current && *current >= max) {
        return warning(check, text + ", its maximum",
                       "raise maxReplicas, or the requests of a pod");
    }
    return ok(check, text);
}

finding examine_disruption_budget(const evidence& budgets) {
    constexpr const char* check = "disruption-budget";
    if (auto unknown = skip_unknown(check, budgets)) return std::move(*unknown);
    if (is_empty(budgets)) {
        return warning(check, "the platform has no PodDisruptionBudget",
                       "apply k8s/pdb.yaml, so that drained nodes keep a pod");
    }
    const auto& budget = budgets.objects->front();
    const auto& status = status_of(budget);
    const auto allowed = json::number_at(status, "disruptionsAllowed");
    const auto healthy = json::number_at(status, "currentHealthy");
    const auto expected = json::number_at(status, "expectedPods");
    auto text = name_of(budget);
    if (!allowed || !healthy || !expected) return ok(check, text + ": no status yet");
    text += fmt::format(": {} of {} pods are healthy, {} may be evicted", *healthy, *expected,
                        *allowed);
    if (*expected == 0) {
        return warning(check, text, "correct the selector: it selects the labels of no pod");
    }
    if (*healthy >= *expected && *allowed == 0) {
        return warning(check, text,
                       "allow one eviction: otherwise no node with a pod can be drained");
    }
    if (*allowed >= *expected && *expected > 1) {
        return warning(check, text, "set maxUnavailable to 1, so that a drain keeps a pod");
    }
    if (*healthy < *expected) return warning(check, text, "look at the pods that are not ready");
    return ok(check, text);
}

finding examine_ingress(const evidence& ingresses, const evidence& routes) {
    constexpr const char* check = "ingress";
    if (auto unknown = skip_unknown(check, ingresses)) return std::move(*unknown);
    if (is_empty(ingresses)) {
        if (auto unknown = skip_unknown(check, routes)) return std::move(*unknown);
        if (is_empty(routes)) {
            return warning(check, "the platform has neither an Ingress nor an HTTPRoute",
                           "apply k8s/ingress or k8s/gateway, unless clients are in the cluster");
        }
        return ok(check, fmt::format("{}: an HTTPRoute; its Gateway has the certificate",
                                     name_of(routes.objects->front())));
    }
    std::vector<std::string> protected_hosts;
    std::vector<std::string> hosts;
    for (const auto& ingress : *ingresses.objects) {
        for (const auto& item : json::array_or_empty(spec_of(ingress), "tls")) {
            const auto* const entry = item.if_object();
            if (entry == nullptr) continue;
            for (const auto& host : json::array_or_empty(*entry, "hosts")) {
                if (host.is_string()) protected_hosts.emplace_back(host.get_string());
            }
        }
        for (const auto& item : json::array_or_empty(spec_of(ingress), "rules")) {
            if (const auto* const rule = item.if_object()) {
                hosts.emplace_back(json::text_at(*rule, "host"));
            }
        }
    }
    std::erase_if(hosts, [&](const std::string& host) {
        return std::ranges::find(protected_hosts, host) != protected_hosts.end();
    });
    if (!hosts.empty()) {
        return failed(check,
                      fmt::format("without TLS: {}; clients send their API keys in clear text",
                                  fmt::join(hosts, ", ")),
                      "add the host to spec.tls of the Ingress");
    }
    return ok(check, fmt::format("TLS for {}", fmt::join(protected_hosts, ", ")));
}

std::vector<std::string> certificate_secrets(const evidence& ingresses) {
    std::vector<std::string> names;
    if (!ingresses.is_served || !ingresses.objects) return names;
    for (const auto& ingress : *ingresses.objects) {
        for (const auto& item : json::array_or_empty(spec_of(ingress), "tls")) {
            const auto* const entry = item.if_object();
            const auto name =
                entry == nullptr ? std::string_view() : json::text_at(*entry, "secretName");
            if (!name.empty()) names.emplace_back(name);
        }
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

finding examine_alerts(const evidence& rules, const evidence& monitors) {
    constexpr const char* check = "alerts";
    if (!rules.is_served) {
        return {.check = check,
                .result = result::skipped,
                .detail = "not checked: the cluster does not serve prometheusrules",
                .advice = "load the groups of k8s/monitoring/prometheus-rule.yaml as a rule file"};
    }
    if (auto unknown = skip_unknown(check, rules)) return std::move(*unknown);
    std::size_t alerts = 0;
    for (const auto& rule : *rules.objects) {
        for (const auto& group : json::array_or_empty(spec_of(rule), "groups")) {
            if (!group.is_object()) continue;
            for (const auto& entry : json::array_or_empty(group.get_object(), "rules")) {
                const auto* const fields = entry.if_object();
                if (fields != nullptr && !json::text_at(*fields, "alert").empty()) ++alerts;
            }
        }
    }
    if (alerts == 0) {
        return warning(check, "no PrometheusRule has an alert of the platform",
                       "apply k8s/monitoring, with the labels that your Prometheus selects");
    }
    const auto text = fmt::format("{} alerts in {} PrometheusRule", alerts, rules.objects->size());
    if (auto unknown = skip_unknown(check, monitors)) return ok(check, text);
    if (is_empty(monitors)) {
        return warning(check, text + ", but no ServiceMonitor",
                       "apply k8s/monitoring, or configure the scrape in Prometheus");
    }
    return ok(check, text + ", and a ServiceMonitor");
}

finding examine_majority(const std::vector<mongo::server_description>& servers) {
    using mongo::server_role;
    constexpr const char* check = "majority";
    const auto has_role = [&](server_role role) {
        return std::ranges::count(servers, role, &mongo::server_description::role);
    };
    if (has_role(server_role::router) > 0) {
        return ok(check, "a sharded cluster, whose routers hide the members");
    }
    if (has_role(server_role::standalone) > 0) {
        return warning(check, "MongoDB is one server, and no replica set",
                       "use a replica set of three members, as k8s/mongodb.yaml does");
    }
    const auto members = std::ssize(servers);
    const auto writable = has_role(server_role::primary) + has_role(server_role::secondary);
    std::vector<std::string> absent;
    for (const auto& server : servers) {
        const bool is_absent =
            server.role == server_role::unreachable || server.role == server_role::other;
        if (is_absent) absent.push_back(server.address);
    }
    auto text = fmt::format("{} of {} members hold data and respond", writable, members);
    if (!absent.empty()) text += fmt::format("; not: {}", fmt::join(absent, ", "));
    if (writable < members / 2 + 1) {
        return failed(check, text + "; writes wait for a majority, so none succeeds",
                      "start the members, or check the network policy");
    }
    if (has_role(server_role::primary) == 0) {
        return failed(check, text + "; no member is primary",
                      "wait for the election, then look at the members' logs");
    }
    if (!absent.empty()) return warning(check, text, "start the members that do not respond");
    if (members < 3) {
        return warning(check, text, "use three members: two have no majority without one of them");
    }
    return ok(check, text);
}

}  // namespace doctor
