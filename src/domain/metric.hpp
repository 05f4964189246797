#pragma once
// The platform's metrics: one table of names, units and kinds that every engine is translated to.
// Values are doubles; NaN means "this engine does not say". Pure.

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace domain {

// The default interval between two scrapes of a database.
inline constexpr std::chrono::seconds metrics_interval_default{30};

// Order = position in the table of metric.cpp and in metric_values.
enum class metric_id : std::uint8_t {
    up,                       // 1 if the exporter reaches the engine
    connections_current,      // open client connections
    connections_active,       // busy ones
    connections_max,          // configured limit
    connections_per_second,   // newly opened
    operations_per_second,    // statements, commands or requests
    transactions_per_second,  // commits (and rollbacks)
    reads_per_second,         // rows or documents read, get commands
    writes_per_second,        // rows or documents written, set commands
    errors_per_second,
    slow_operations_per_second,
    latency_average_seconds,
    cache_hit_ratio,  // 0..1
    memory_used_bytes,
    memory_limit_bytes,
    storage_used_bytes,
    network_received_bytes_per_second,
    network_sent_bytes_per_second,
    replication_replicas,  // connected replicas (on a primary)
    replication_lag_seconds,
    replication_is_replica,  // 1 on a replica
    items,                   // keys, rows, documents
    evictions_per_second,
    deadlocks_per_second,
    uptime_seconds,
    count_  // how many there are
};

inline constexpr std::size_t metric_count = static_cast<std::size_t>(metric_id::count_);

struct metric_description {
    metric_id id;
    std::string_view name;  // dotted: group.field as in GET /metrics ("connections.current")
    std::string_view unit;  // "connections", "1/s", "bytes", "ratio", "s", ...
    std::string_view help;  // a sentence
};

std::span<const metric_description, metric_count> all_metrics() noexcept;
const metric_description& describe(metric_id id) noexcept;
const metric_description* find_metric(std::string_view dotted_name) noexcept;

class metric_values {
  public:
    metric_values() { values_.fill(std::numeric_limits<double>::quiet_NaN()); }
    [[nodiscard]] double operator[](metric_id id) const noexcept {
        return values_[std::size_t(id)];
    }
    double& operator[](metric_id id) noexcept { return values_[std::size_t(id)]; }
    [[nodiscard]] bool has(metric_id id) const noexcept { return !std::isnan((*this)[id]); }

  private:
    std::array<double, metric_count> values_{};
};

// One successful scrape of one database, translated. Immutable once published.
struct metrics_sample {
    metric_values values;  // rates are NaN in the first sample
    std::vector<std::pair<std::string, double>>
        engine_metrics;  // bounded selection of the exporter's own, sorted by name
    base::instant observed_at{};
};

}  // namespace domain
