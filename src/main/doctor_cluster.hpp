#pragma once
// The checks of `dbaas doctor` about the objects that surround the platform in its namespace, and
// about the members of MongoDB. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "json/json.hpp"
#include "main/doctor_report.hpp"
#include "mongo/server_list.hpp"

namespace doctor {

// The objects of one kind, or the reason why they are not known.
struct evidence {
    std::string resource;   // "horizontalpodautoscalers.autoscaling"
    std::string verb;       // that the account needs: "list" or "get"
    std::string ns;         // empty: the whole cluster
    bool is_served = true;  // by the API server
    base::outcome<std::vector<json::object>> objects{};
};

// Returns metadata.name.
std::string name_of(const json::object& object);
// Returns the skipped finding of a check whose objects are not known: "not checked: needs list on
// horizontalpodautoscalers.autoscaling in namespace dbaas-system". Returns nullopt if they are.
std::optional<finding> skip_unknown(std::string_view check, const evidence& source);

// The autoscaler of a Deployment: its bounds, the present number of pods, whether it has metrics.
finding examine_autoscaler(const evidence& autoscalers, const evidence& deployments);
// Whether the budget lets a node drain, and keeps a pod.
finding examine_disruption_budget(const evidence& budgets);
// Whether each host of an Ingress or an HTTPRoute has TLS.
finding examine_ingress(const evidence& ingresses, const evidence& routes);
// Returns the names of the Secrets with the certificates of the Ingresses.
std::vector<std::string> certificate_secrets(const evidence& ingresses);
// Whether Prometheus has the alerts, and scrapes the platform.
finding examine_alerts(const evidence& rules, const evidence& monitors);

// Writes wait for a majority of the members.
finding examine_majority(const std::vector<mongo::server_description>& servers);

}  // namespace doctor
