#pragma once
// The source of the metrics of a database. Adapter: scrape (exporter pages, through the Kubernetes
// service proxy or directly); fake: fakes::fake_metrics_source. Thread: the loop of the object;
// the control loop for the application.

#include <cstdint>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "domain/metric.hpp"
#include "ports/cluster.hpp"

namespace ports {

// One database to scrape.
struct scrape_target {
    std::string database_id;
    database_key key;
    std::uint16_t metrics_port = 0;  // domain::observed_database::metrics_port; 0: none
};

class metrics_source {
  public:
    metrics_source() = default;
    metrics_source(const metrics_source&) = delete;
    metrics_source& operator=(const metrics_source&) = delete;
    virtual ~metrics_source() = default;

    // Scrapes the database once and returns platform metrics. Computes rates against the previous
    // scrape of the same database, which the source remembers. Ends at `deadline`. Errors, with a
    // domain::scrape_cause: timed_out, unavailable (no endpoint, connection failed, HTTP 5xx),
    // denied, corrupt (not an exposition page), limit (page over the limit), not_found (no stats
    // service).
    virtual aio::task<std::shared_ptr<const domain::metrics_sample>> scrape(
        scrape_target target, base::steady_time deadline) = 0;

    // Drops the remembered scrape of a deleted database.
    virtual void forget(const std::string& database_id) = 0;
};

}  // namespace ports
