#pragma once
// Where the metrics of a database come from. Adapter: scrape (exporter pages through the Kubernetes
// service proxy or directly); fake: testing::fake_metrics_source. Lives on the control loop.

#include <memory>
#include <string>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "domain/metric.hpp"
#include "ports/cluster.hpp"

namespace ports {

class metrics_source {
  public:
    metrics_source() = default;
    metrics_source(const metrics_source&) = delete;
    metrics_source& operator=(const metrics_source&) = delete;
    virtual ~metrics_source() = default;

    // One scrape, translated; rates are against the scrape of the same database before this one
    // (remembered inside). Never runs past `deadline`. Failures: timed_out, unavailable (no
    // endpoint, connection refused, 5xx), denied, corrupt (not an exposition page), limit (page
    // over 8 MiB), not_found (no stats service).
    virtual aio::task<std::shared_ptr<const domain::metrics_sample>> scrape(
        std::string database_id, database_key key, base::steady_time deadline) = 0;

    // Drops what is remembered about a database that is no more.
    virtual void forget(const std::string& database_id) = 0;
};

}  // namespace ports
