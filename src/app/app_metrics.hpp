#pragma once
// The loops' own metrics, declared once. Names and labels are listed in docs/metrics.md.

#include <array>
#include <string>
#include <string_view>

#include "app/state_counts.hpp"
#include "base/failure.hpp"
#include "domain/decide.hpp"
#include "obs/metrics.hpp"

namespace app {

class probe {
  public:
    explicit probe(obs::registry& registry);

    // result: "ok", "retry" or "failed".
    void action(domain::action_kind kind, std::string_view result);
    // Counts an operation that a write of this process has ended.
    void operation_ended(domain::operation_kind kind, domain::operation_phase phase);
    // result: "ok" (an operation began), "unchanged", "rejected" or "failed" (tried again).
    void schedule_change(domain::schedule_action action, std::string_view result);
    void counted(const state_counts& now);
    // Counts a scrape. `error` is null if it succeeded.
    void scrape(const base::failure* error, double seconds);

    obs::gauge& replicas;
    obs::gauge& databases_owned;
    obs::gauge& databases_wanted;
    obs::counter& takeovers;
    obs::counter& handovers;
    obs::counter& anti_entropy_repairs;
    obs::gauge& anti_entropy_age_seconds;
    obs::histogram& bus_delay_seconds;
    obs::counter& bus_messages_sent;
    obs::counter& bus_messages_received;
    obs::counter& bus_bytes_sent;
    obs::counter& bus_bytes_received;
    obs::gauge& reconcile_waiting;
    obs::gauge& reconcile_in_work;
    obs::gauge& scrapes_in_flight;
    obs::gauge& scrapes_scheduled;
    obs::gauge& scrape_lag_seconds;
    obs::counter& scrapes_late;
    obs::counter& history_chunks_written;
    obs::counter& credentials_read;

  private:
    obs::registry& registry_;
    obs::counter& scrapes_ok_;
    obs::histogram& scrape_seconds_;
    obs::gauge& databases_;
    std::array<obs::gauge*, status_phase_count> in_phase_{};
    std::array<obs::gauge*, metrics_state_count> in_metrics_state_{};
    obs::gauge& metrics_age_seconds_;
    obs::gauge& operations_unfinished_;
    obs::gauge& operations_overdue_;
};

std::string_view name(domain::action_kind kind) noexcept;

}  // namespace app
