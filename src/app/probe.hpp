#pragma once
// The loops' own metrics, declared once. Names and labels are listed in docs/metrics.md.

#include <string>
#include <string_view>

#include "domain/decide.hpp"
#include "obs/metrics.hpp"

namespace app {

class probe {
  public:
    explicit probe(obs::registry& registry);

    // result: "ok", "retry" or "failed".
    void action(domain::action_kind kind, std::string_view result);
    // result: "ok" or the errc of the failure.
    void scrape(std::string_view result, double seconds);

    obs::gauge& reconcile_waiting;
    obs::gauge& reconcile_in_work;
    obs::gauge& scrapes_in_flight;
    obs::gauge& scrapes_scheduled;
    obs::gauge& scrape_lag_seconds;
    obs::counter& scrapes_late;
    obs::gauge& operations_unfinished;
    obs::gauge& operations_overdue;
    obs::gauge& databases;
    obs::counter& history_chunks_written;
    obs::counter& credentials_read;

  private:
    obs::registry& registry_;
    obs::histogram& scrape_seconds_;
};

std::string_view name(domain::action_kind kind) noexcept;

}  // namespace app
