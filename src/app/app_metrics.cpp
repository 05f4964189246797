#include "app/app_metrics.hpp"

#include "domain/scrape_cause.hpp"

namespace app {

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
    for (std::size_t state = 0; state < metrics_state_count; ++state) {
        in_metrics_state_[state] = &registry.make_gauge(
            "dbaas_databases_by_metrics_state", "Databases by state of their cached metrics.",
            {{"state", std::string(name(metrics_state(state)))}});
    }
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
    std::string_view result = "ok";
    std::string_view reason;
    if (error != nullptr) {
        result = base::name(error->code);
        const auto cause = error->cause.as<domain::scrape_cause>();
        reason = cause ? domain::name(*cause) : "other";
    }
    registry_
        .make_counter("dbaas_scrapes_total", "Scrapes by result and by cause of the failure.",
                      {{"result", std::string(result)}, {"reason", std::string(reason)}})
        .add();
    scrape_seconds_.observe(seconds);
}

}  // namespace app
