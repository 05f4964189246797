#include "app/app_metrics.hpp"

#include "domain/scrape_cause.hpp"

namespace app {
namespace {

obs::counter& bus_counter(obs::registry& registry, std::string_view name, std::string_view unit,
                          std::string_view direction) {
    return registry.make_counter(
        name, std::string(unit) + " of the bus between the replicas, sent or received.",
        {{"direction", std::string(direction)}});
}

obs::counter& operations_counter(obs::registry& registry, domain::operation_kind kind,
                                 domain::operation_phase phase) {
    return registry.make_counter(
        "dbaas_operations_total", "Operations that ended, by the phase in which they ended.",
        {{"kind", std::string(domain::name(kind))}, {"phase", std::string(domain::name(phase))}});
}

// `reason` is empty for the result "ok".
obs::counter& scrapes_counter(obs::registry& registry, std::string_view result,
                              std::string_view reason) {
    return registry.make_counter(
        "dbaas_scrapes_total", "Scrapes by result and by cause of the failure.",
        {{"result", std::string(result)}, {"reason", std::string(reason)}});
}

obs::counter& schedule_counter(obs::registry& registry, domain::schedule_action action,
                               std::string_view result) {
    return registry.make_counter(
        "dbaas_schedule_changes_total", "Edges of schedules that were applied, by result.",
        {{"action", std::string(domain::name(action))}, {"result", std::string(result)}});
}

}  // namespace

std::string_view name(domain::action_kind kind) noexcept {
    switch (kind) {
        case domain::action_kind::none:
            return "none";
        case domain::action_kind::create_object:
            return "create_object";
        case domain::action_kind::update_object:
            return "update_object";
        case domain::action_kind::request_change:
            return "request_change";
        case domain::action_kind::remove_object:
            return "remove_object";
        case domain::action_kind::remove_record:
            return "remove_record";
    }
    return "unknown";
}

probe::probe(obs::registry& registry)
    : replicas(registry.make_gauge(
          "dbaas_replicas", "Replicas that divide the databases; 0 while this one has no lease.")),
      databases_owned(registry.make_gauge("dbaas_databases_owned",
                                          "Databases that this replica reconciles and scrapes.")),
      databases_wanted(registry.make_gauge(
          "dbaas_databases_wanted",
          "Databases of this replica by the last known division, also without a lease.")),
      takeovers(registry.make_counter(
          "dbaas_takeovers_total",
          "Databases that this replica took over after a change of the replicas.")),
      handovers(registry.make_counter(
          "dbaas_handovers_total",
          "Databases that this replica handed over after a change of the replicas.")),
      anti_entropy_repairs(
          registry.make_counter("dbaas_anti_entropy_repairs_total",
                                "Records that a comparison with the store changed in memory.")),
      anti_entropy_age_seconds(registry.make_gauge(
          "dbaas_anti_entropy_age_seconds",
          "Seconds since the last comparison with the store; NaN before the first.")),
      bus_delay_seconds(registry.make_histogram(
          "dbaas_bus_delay_seconds",
          "Time from the publication of a message until its own replica receives it.",
          obs::latency_bounds_seconds())),
      bus_messages_sent(bus_counter(registry, "dbaas_bus_messages_total", "Messages", "sent")),
      bus_messages_received(
          bus_counter(registry, "dbaas_bus_messages_total", "Messages", "received")),
      bus_bytes_sent(bus_counter(registry, "dbaas_bus_bytes_total", "Bytes", "sent")),
      bus_bytes_received(bus_counter(registry, "dbaas_bus_bytes_total", "Bytes", "received")),
      reconcile_waiting(registry.make_gauge("dbaas_reconcile_queue_depth",
                                            "Databases waiting to be reconciled.")),
      reconcile_in_work(registry.make_gauge("dbaas_reconcile_active_workers",
                                            "Databases that are being reconciled.")),
      scrapes_in_flight(registry.make_gauge("dbaas_scrapes_in_flight", "Scrapes in progress.")),
      scrapes_scheduled(
          registry.make_gauge("dbaas_scrapes_scheduled", "Databases in the scrape schedule.")),
      scrape_lag_seconds(
          registry.make_gauge("dbaas_scrape_lag_seconds",
                              "Delay between the scheduled and actual start of the last scrape.")),
      scrapes_late(registry.make_counter(
          "dbaas_late_scrapes_total",
          "Scrapes that started more than one second after their scheduled time.")),
      history_chunks_written(registry.make_counter(
          "dbaas_history_chunks_written_total", "Chunks of metrics history written to the store.")),
      credentials_read(
          registry.make_counter("dbaas_credentials_read_total", "Credentials read by clients.")),
      registry_(registry),
      scrapes_ok_(scrapes_counter(registry, "ok", "")),
      scrape_seconds_(registry.make_histogram(
          "dbaas_scrape_duration_seconds", "Duration of scrapes.", obs::latency_bounds_seconds())),
      databases_(registry.make_gauge("dbaas_databases", "Databases with a record.")),
      metrics_age_seconds_(registry.make_gauge(
          "dbaas_metrics_age_seconds", "Age of the oldest cached metrics that count as fresh.")),
      operations_unfinished_(registry.make_gauge("dbaas_operations_unfinished",
                                                 "Operations that are queued or running.")),
      operations_overdue_(registry.make_gauge("dbaas_operations_overdue",
                                              "Unfinished operations older than twice their "
                                              "timeout, without deletions; above 0 is a defect.")) {
    for (std::size_t phase = 0; phase < status_phase_count; ++phase) {
        in_phase_[phase] = &registry.make_gauge(
            "dbaas_databases_by_status", "Databases by status phase.",
            {{"status", std::string(domain::name(domain::status_phase(phase)))}});
    }
    // From zero on, so that the rate includes the first operation.
    using domain::operation_kind;
    using domain::operation_phase;
    for (const auto kind :
         {operation_kind::create, operation_kind::update, operation_kind::pause,
          operation_kind::resume, operation_kind::recreate, operation_kind::delete_database}) {
        for (const auto phase : {operation_phase::succeeded, operation_phase::failed,
                                 operation_phase::cancelled, operation_phase::superseded}) {
            operations_counter(registry, kind, phase);
        }
    }
    for (const auto action : {domain::schedule_action::pause, domain::schedule_action::resume}) {
        for (const auto* const result : {"ok", "unchanged", "rejected", "failed"}) {
            schedule_counter(registry, action, result);
        }
    }
    for (std::size_t state = 0; state < metrics_state_count; ++state) {
        in_metrics_state_[state] = &registry.make_gauge(
            "dbaas_databases_by_metrics_state", "Databases by state of their cached metrics.",
            {{"state", std::string(name(metrics_state(state)))}});
    }
}

void probe::operation_ended(domain::operation_kind kind, domain::operation_phase phase) {
    operations_counter(registry_, kind, phase).add();
}

void probe::schedule_change(domain::schedule_action action, std::string_view result) {
    schedule_counter(registry_, action, result).add();
}

void probe::counted(const state_counts& now) {
    std::size_t all = 0;
    for (std::size_t phase = 0; phase < status_phase_count; ++phase) {
        in_phase_[phase]->set(static_cast<double>(now.phases[phase]));
        all += now.phases[phase];
    }
    for (std::size_t state = 0; state < metrics_state_count; ++state) {
        in_metrics_state_[state]->set(static_cast<double>(now.metrics[state]));
    }
    databases_.set(static_cast<double>(all));
    metrics_age_seconds_.set(std::chrono::duration<double>(now.oldest_fresh_sample).count());
    operations_unfinished_.set(static_cast<double>(now.operations_unfinished));
    operations_overdue_.set(static_cast<double>(now.operations_overdue));
}

void probe::action(domain::action_kind kind, std::string_view result) {
    registry_
        .make_counter("dbaas_reconcile_actions_total", "Actions of the reconciler in the cluster.",
                      {{"action", std::string(name(kind))}, {"result", std::string(result)}})
        .add();
}

void probe::scrape(const base::failure* error, double seconds) {
    scrape_seconds_.observe(seconds);
    if (error == nullptr) return scrapes_ok_.add();
    const auto cause = error->cause.as<domain::scrape_cause>();
    scrapes_counter(registry_, base::name(error->code), cause ? domain::name(*cause) : "other")
        .add();
}

}  // namespace app
