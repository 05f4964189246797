#include "domain/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "domain/operation_lifecycle.hpp"

namespace domain {
namespace {

status say(status_phase phase, std::string reason = {}, std::string message = {}) {
    return {.phase = phase, .reason = std::move(reason), .message = std::move(message)};
}

const operation* last_finished(const database& record) noexcept {
    for (const auto& each : std::views::reverse(record.operations)) {
        if (each.is_terminal()) return &each;
    }
    return nullptr;
}

status of_deleted(const observed_database* observed) {
    if (observed != nullptr && observed->exists) {
        return say(status_phase::deleting, "deleting_object", "the database is being deleted");
    }
    return say(status_phase::deleting, "cleaning_up",
               "what belongs to the database is being removed");
}

status of_uncreated(const database& record) {
    if (const auto* running = active_operation(record)) {
        return say(status_phase::provisioning, "creating", running->error_message);
    }
    const auto* last = last_finished(record);
    return last == nullptr ? say(status_phase::failed, "creation_failed")
                           : say(status_phase::failed, last->error_code, last->error_message);
}

status of_missing(const database& record) {
    const auto* running = active_operation(record);
    if (running != nullptr && running->kind == operation_kind::recreate) {
        return say(status_phase::provisioning, "recreating");
    }
    return say(status_phase::failed, "object_missing",
               "the database's object is no longer in the cluster and was not removed by the "
               "platform; recreate or delete the database");
}

status of_ready(const database& record, bool working) {
    if (working)
        return say(status_phase::updating, std::string(name(active_operation(record)->kind)));
    return say(status_phase::running);
}

status of_trouble(const database& record, const observed_database& observed, bool working) {
    if (!record.was_ready)
        return say(status_phase::provisioning, "not_ready_yet", explain(observed));
    if (working) {
        return say(status_phase::updating, std::string(name(active_operation(record)->kind)),
                   explain(observed));
    }
    const auto ready = std::ranges::count_if(observed.members, &member::ready);
    const bool reachable = observed.phase == observed_phase::critical;
    auto message = explain(observed);
    if (message.empty()) {
        message = fmt::format("{} of {} members are ready", ready, observed.members.size());
    }
    return say(status_phase::degraded,
               reachable ? "members_not_ready" : "not_accepting_connections", std::move(message));
}

status of_present(const database& record, const observed_database& observed) {
    const auto* active = active_operation(record);
    const bool working = active != nullptr && active->kind != operation_kind::create;
    const bool changing = std::ranges::any_of(
        observed.changes, [](const observed_change& change) { return !change.is_terminal(); });
    switch (observed.phase) {
        case observed_phase::none:
        case observed_phase::provisioning:
            if (!record.was_ready)
                return say(status_phase::provisioning, "starting", explain(observed));
            return of_trouble(record, observed, working);
        case observed_phase::restoring:
            return say(status_phase::restoring);
        case observed_phase::ready:
            if (active != nullptr && active->kind == operation_kind::create) {
                return say(status_phase::provisioning, "finishing");
            }
            return of_ready(record, working);
        case observed_phase::critical:
        case observed_phase::not_ready:
            return of_trouble(record, observed, working);
        case observed_phase::halted:
            if (record.paused) return say(status_phase::paused);
            return say(status_phase::updating, "resuming");
        case observed_phase::unknown:
            if (working || changing) return say(status_phase::updating, "health_check_paused");
            return say(status_phase::unknown, "health_check_paused",
                       "the operator does not check this database at the moment");
    }
    return say(status_phase::unknown);
}

}  // namespace

status derive_status(const database& record, const observed_database* observed,
                     const status_context& context) {
    if (record.deleted) return of_deleted(observed);
    if (record.object_uid.empty()) return of_uncreated(record);
    if (context.awaiting_first_observation) return say(status_phase::provisioning, "creating");
    if (observed == nullptr || !is_ours(record, *observed)) {
        if (!context.cluster_known) {
            return say(status_phase::unknown, "cluster_not_synced",
                       "the cluster's state has not been read since the platform started");
        }
        return of_missing(record);
    }
    if (observed->deleting) {
        return say(status_phase::failed, "deleted_in_cluster",
                   "the database's object is being deleted in the cluster by another client");
    }
    return of_present(record, *observed);
}

}  // namespace domain
