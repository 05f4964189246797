#include "devcluster/controller/database_health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/json_access.hpp"

namespace controller {
namespace {

// Conditions that this operator sets, and removes when they no longer hold.
constexpr std::array own_types{std::string_view("ProvisioningStarted"),
                               std::string_view("ReplicaReady"),
                               std::string_view("AcceptingConnection"),
                               std::string_view("Ready"),
                               std::string_view("Provisioned"),
                               std::string_view("Halted"),
                               std::string_view("Paused")};

std::string_view type_of(const json::value& each) {
    return each.is_object() ? json::text_at(each.get_object(), "type") : std::string_view();
}

std::string_view phase_of(const database_facts& facts) {
    if (!facts.rejection.empty()) return "NotReady";
    if (facts.is_halted) return "Halted";
    if (!facts.was_provisioned) return "Provisioning";
    if (!facts.accepts) return "NotReady";
    return facts.ready >= facts.replicas ? "Ready" : "Critical";
}

json::array own_conditions(const database_facts& facts, const std::string& now) {
    json::array conditions;
    const auto add = [&](std::string_view type, bool is_true, std::string_view reason,
                         const std::string& message) {
        conditions.push_back(
            condition(std::string(type), is_true, std::string(reason), message, now));
    };
    if (!facts.rejection.empty()) {
        add("ProvisioningStarted", false, "NoRuntime", facts.rejection);
        add("Ready", false, "NoRuntime", facts.rejection);
        return conditions;
    }
    const bool all = facts.accepts && facts.ready >= facts.replicas;
    std::string missing;
    if (!all) {
        missing = fmt::format("{} of {} members are ready{}{}", facts.ready, facts.replicas,
                              facts.not_ready_reason.empty() ? "" : "; ", facts.not_ready_reason);
    }
    add("ProvisioningStarted", true, "DatabaseProvisioningStartedSuccessfully", "");
    add("ReplicaReady", all, all ? "AllReplicasReady" : "SomeReplicasNotReady", missing);
    add("AcceptingConnection", facts.accepts,
        facts.accepts ? "DatabaseAcceptingConnectionRequest"
                      : "DatabaseNotAcceptingConnectionRequest",
        facts.accepts ? "" : "the first member does not accept connections");
    add("Ready", all, all ? "ReadinessCheckSucceeded" : "ReadinessCheckFailed", missing);
    if (facts.was_provisioned) add("Provisioned", true, "DatabaseSuccessfullyProvisioned", "");
    if (facts.is_halted) add("Halted", true, "DatabaseHaltedSuccessfully", "");
    if (facts.is_paused) add("Paused", true, "OpsRequest", "an OpsRequest is being carried out");
    return conditions;
}

}  // namespace

json::object condition(const std::string& type, bool is_true, const std::string& reason,
                       const std::string& message, const std::string& when) {
    return {{"type", type},
            {"status", is_true ? "True" : "False"},
            {"reason", reason},
            {"message", message},
            {"lastTransitionTime", when}};
}

void put_condition(json::array& conditions, json::object fresh) {
    const auto type = std::string(json::text_at(fresh, "type"));
    const auto it = std::ranges::find(conditions, type, type_of);
    if (it == conditions.end()) {
        conditions.push_back(std::move(fresh));
        return;
    }
    const auto& old = it->get_object();
    if (json::text_at(old, "status") == json::text_at(fresh, "status") &&
        !json::text_at(old, "lastTransitionTime").empty()) {
        fresh["lastTransitionTime"] = old.at("lastTransitionTime");
    }
    *it = std::move(fresh);
}

json::object status_of(const database_facts& facts, const json::array& before,
                       const std::string& now) {
    auto own = own_conditions(facts, now);
    json::array all;
    for (const auto& each : before) {
        const auto type = type_of(each);
        const bool is_ours = std::ranges::find(own_types, type) != own_types.end();
        const bool still_holds = std::ranges::find(own, type, type_of) != own.end();
        if (!type.empty() && (!is_ours || still_holds)) all.push_back(each);
    }
    for (auto& each : own) put_condition(all, std::move(each.get_object()));
    return {{"phase", phase_of(facts)},
            {"conditions", std::move(all)},
            {"observedGeneration", facts.generation}};
}

}  // namespace controller
