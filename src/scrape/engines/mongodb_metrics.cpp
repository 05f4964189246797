// Metrics of MongoDB, by the series of Percona's mongodb_exporter 0.40 and later.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

constexpr std::string_view system_databases = "admin|config|local";

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "mongodb_up", .aggregate = max}}}},
    {.id = connections_current,
     .top = {{{.name = "mongodb_ss_connections", .label = "conn_type", .values = "current"}}}},
    {.id = connections_active,
     .top = {{{.name = "mongodb_ss_connections", .label = "conn_type", .values = "active"}}}},
    {.id = connections_max,
     .top = {{{.name = "mongodb_ss_connections", .label = "conn_type",
               .values = "current|available"}}}},
    {.id = connections_per_second, .kind = rate,
     .top = {{{.name = "mongodb_ss_connections", .label = "conn_type", .values = "totalCreated"}}}},
    {.id = operations_per_second, .kind = rate, .top = {{{"mongodb_ss_opcounters"}}}},
    {.id = transactions_per_second, .kind = rate,
     .top = {{{"mongodb_ss_transactions_totalCommitted"},
              {"mongodb_ss_transactions_totalAborted"}}}},
    {.id = reads_per_second, .kind = rate,
     .top = {{{.name = "mongodb_ss_metrics_document", .label = "doc_op_type",
               .values = "returned"}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{.name = "mongodb_ss_metrics_document", .label = "doc_op_type",
               .values = "inserted|updated|deleted"}}}},
    {.id = errors_per_second, .kind = rate,
     .top = {{{.name = "mongodb_ss_asserts", .label = "assert_type",
               .values = "regular|msg|user"}}}},
    // The server counts microseconds.
    {.id = latency_average_seconds, .kind = ratio,
     .top = {{{"mongodb_ss_opLatencies_latency"}}}, .bottom = {{{"mongodb_ss_opLatencies_ops"}}},
     .scale = 1e-6},
    {.id = cache_hit_ratio, .kind = complement,
     .top = {{{"mongodb_ss_wt_cache_pages_read_into_cache"}}},
     .bottom = {{{"mongodb_ss_wt_cache_pages_requested_from_the_cache"}}}},
    // The server reports mebibytes.
    {.id = memory_used_bytes, .top = {{{"mongodb_ss_mem_resident"}}}, .scale = 1048576},
    {.id = memory_limit_bytes, .top = {{{"mongodb_ss_wt_cache_maximum_bytes_configured"}}}},
    {.id = storage_used_bytes,
     .top = {{{"mongodb_dbstats_storageSize"}, {"mongodb_dbstats_indexSize"}}}},
    {.id = network_received_bytes_per_second, .kind = rate,
     .top = {{{"mongodb_ss_network_bytesIn"}}}},
    {.id = network_sent_bytes_per_second, .kind = rate, .top = {{{"mongodb_ss_network_bytesOut"}}}},
    // State 2 is SECONDARY.
    {.id = replication_replicas,
     .top = {{{.name = "mongodb_members_state", .aggregate = equals, .number = 2}}}},
    {.id = replication_replicas,
     .top = {{{.name = "mongodb_rs_members_state", .aggregate = equals, .number = 2}}}},
    // Milliseconds. The lag is the primary's time (the newest) minus the slowest secondary's (the
    // oldest). An unreachable member has the value 0.
    {.id = replication_lag_seconds, .kind = difference,
     .top = {{{.name = "mongodb_members_optimeDate", .aggregate = max}}},
     .bottom = {{{.name = "mongodb_members_optimeDate", .aggregate = min, .zero_is_absent = true}}},
     .scale = 1e-3},
    {.id = replication_lag_seconds, .kind = difference,
     .top = {{{.name = "mongodb_rs_members_optimeDate", .aggregate = max}}},
     .bottom = {{{.name = "mongodb_rs_members_optimeDate", .aggregate = min,
                  .zero_is_absent = true}}},
     .scale = 1e-3},
    {.id = replication_is_replica,
     .top = {{{.name = "mongodb_myState", .aggregate = equals, .number = 2}}}},
    {.id = replication_is_replica,
     .top = {{{.name = "mongodb_rs_myState", .aggregate = equals, .number = 2}}}},
    // Each member has an oplog in "local", with the writes of all databases again.
    {.id = items,
     .top = {{{.name = "mongodb_dbstats_objects", .label = "database", .values = system_databases,
               .excludes = true}}}},
    {.id = uptime_seconds, .top = {{{.name = "mongodb_ss_uptime", .aggregate = max}}}},

    {.name = "inserts_per_second", .kind = rate,
     .top = {{{.name = "mongodb_ss_opcounters", .label = "legacy_op_type", .values = "insert"}}}},
    {.name = "queries_per_second", .kind = rate,
     .top = {{{.name = "mongodb_ss_opcounters", .label = "legacy_op_type", .values = "query"}}}},
    {.name = "updates_per_second", .kind = rate,
     .top = {{{.name = "mongodb_ss_opcounters", .label = "legacy_op_type", .values = "update"}}}},
    {.name = "deletes_per_second", .kind = rate,
     .top = {{{.name = "mongodb_ss_opcounters", .label = "legacy_op_type", .values = "delete"}}}},
    {.name = "commands_per_second", .kind = rate,
     .top = {{{.name = "mongodb_ss_opcounters", .label = "legacy_op_type", .values = "command"}}}},
    {.name = "replicated_operations_per_second", .kind = rate,
     .top = {{{"mongodb_ss_opcountersRepl"}}}},
    {.name = "queued_operations",
     .top = {{{.name = "mongodb_ss_globalLock_currentQueue", .label = "count_type",
               .values = "total"}}}},
    {.name = "cache_used_bytes", .top = {{{"mongodb_ss_wt_cache_bytes_currently_in_the_cache"}}}},
    {.name = "members_healthy", .top = {{{"mongodb_members_health"}}}},
    {.name = "members_healthy", .top = {{{"mongodb_rs_members_health"}}}},
    {.name = "data_bytes",
     .top = {{{.name = "mongodb_dbstats_dataSize", .label = "database", .values = system_databases,
               .excludes = true}}}},
    {.name = "index_bytes", .top = {{{"mongodb_dbstats_indexSize"}}}},
    {.name = "collections",
     .top = {{{.name = "mongodb_dbstats_collections", .label = "database",
               .values = system_databases, .excludes = true}}}},
};

// clang-format on

}  // namespace

std::span<const rule> mongodb_rules() noexcept {
    return rules;
}

}  // namespace scrape
