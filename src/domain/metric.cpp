#include "domain/metric.hpp"

namespace domain {
namespace {

constexpr std::array<metric_description, metric_count> table{{
    {metric_id::up, "up", "bool", "1 if the exporter reaches the engine."},
    {metric_id::connections_current, "connections.current", "connections",
     "Open client connections."},
    {metric_id::connections_active, "connections.active", "connections",
     "Client connections that are executing something."},
    {metric_id::connections_max, "connections.max", "connections",
     "Most client connections that the engine accepts."},
    {metric_id::connections_per_second, "connections.opened_per_second", "1/s",
     "Client connections opened per second."},
    {metric_id::operations_per_second, "operations.per_second", "1/s",
     "Statements, commands or requests per second."},
    {metric_id::transactions_per_second, "operations.transactions_per_second", "1/s",
     "Transactions committed or rolled back per second."},
    {metric_id::reads_per_second, "operations.reads_per_second", "1/s",
     "Rows, documents or keys read per second."},
    {metric_id::writes_per_second, "operations.writes_per_second", "1/s",
     "Rows, documents or keys written per second."},
    {metric_id::errors_per_second, "operations.errors_per_second", "1/s",
     "Failed operations per second."},
    {metric_id::slow_operations_per_second, "operations.slow_per_second", "1/s",
     "Operations over the engine's own slowness threshold per second."},
    {metric_id::latency_average_seconds, "operations.latency_average_seconds", "s",
     "Mean time of an operation since the last sample."},
    {metric_id::cache_hit_ratio, "cache.hit_ratio", "ratio",
     "Share of reads served from the engine's cache since the last sample, 0 to 1."},
    {metric_id::memory_used_bytes, "memory.used_bytes", "bytes", "Memory that the engine uses."},
    {metric_id::memory_limit_bytes, "memory.limit_bytes", "bytes",
     "Memory limit that the engine itself knows (cache or maxmemory)."},
    {metric_id::storage_used_bytes, "storage.used_bytes", "bytes", "Bytes of stored data."},
    {metric_id::network_received_bytes_per_second, "network.received_bytes_per_second", "bytes/s",
     "Bytes received from clients per second."},
    {metric_id::network_sent_bytes_per_second, "network.sent_bytes_per_second", "bytes/s",
     "Bytes sent to clients per second."},
    {metric_id::replication_replicas, "replication.replicas", "replicas",
     "Replicas connected to the primary."},
    {metric_id::replication_lag_seconds, "replication.lag_seconds", "s",
     "How far the replica (or the slowest one) is behind."},
    {metric_id::replication_is_replica, "replication.is_replica", "bool",
     "1 when the scraped member is a replica."},
    {metric_id::items, "items.count", "items", "Keys, rows or documents stored."},
    {metric_id::evictions_per_second, "cache.evictions_per_second", "1/s",
     "Entries evicted for lack of memory per second."},
    {metric_id::deadlocks_per_second, "operations.deadlocks_per_second", "1/s",
     "Deadlocks per second."},
    {metric_id::uptime_seconds, "uptime_seconds", "s", "Time since the engine started."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].id != static_cast<metric_id>(i)) return false;
    }
    return true;
}
static_assert(in_order());

}  // namespace

std::span<const metric_description, metric_count> all_metrics() noexcept {
    return table;
}

const metric_description& describe(metric_id id) noexcept {
    return table[std::size_t(id)];
}

const metric_description* find_metric(std::string_view dotted_name) noexcept {
    for (const auto& entry : table) {
        if (entry.name == dotted_name) return &entry;
    }
    return nullptr;
}

}  // namespace domain
