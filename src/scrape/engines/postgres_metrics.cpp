// Metrics of PostgreSQL, by the series of postgres_exporter 0.11 to 0.18.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "pg_up", .aggregate = max}}}},
    {.id = connections_current, .top = {{{"pg_stat_database_numbackends"}}}},
    {.id = connections_active,
     .top = {{{.name = "pg_stat_activity_count", .label = "state", .values = "active"}}}},
    {.id = connections_max, .top = {{{.name = "pg_settings_max_connections", .aggregate = max}}}},
    // Transactions stand in for statements: only pg_stat_statements counts those, and it evicts
    // entries.
    {.id = operations_per_second, .kind = rate,
     .top = {{{"pg_stat_database_xact_commit"}, {"pg_stat_database_xact_rollback"}}}},
    {.id = transactions_per_second, .kind = rate,
     .top = {{{"pg_stat_database_xact_commit"}, {"pg_stat_database_xact_rollback"}}}},
    {.id = reads_per_second, .kind = rate, .top = {{{"pg_stat_database_tup_fetched"}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{"pg_stat_database_tup_inserted"}, {"pg_stat_database_tup_updated"},
              {"pg_stat_database_tup_deleted"}}}},
    {.id = errors_per_second, .kind = rate, .top = {{{"pg_stat_database_xact_rollback"}}}},
    {.id = cache_hit_ratio, .kind = share,
     .top = {{{"pg_stat_database_blks_hit"}}}, .bottom = {{{"pg_stat_database_blks_read"}}}},
    {.id = memory_limit_bytes,
     .top = {{{.name = "pg_settings_shared_buffers_bytes", .aggregate = max}}}},
    {.id = storage_used_bytes, .top = {{{"pg_database_size_bytes"}}}},
    {.id = replication_replicas,
     .top = {{{.name = "pg_stat_replication_pg_wal_lsn_diff", .aggregate = matches}}}},
    // A primary reports 0, which has no meaning there.
    {.id = replication_lag_seconds,
     .top = {{{.name = "pg_replication_lag_seconds", .aggregate = max}}},
     .only_if = {.name = "pg_replication_is_replica", .aggregate = max}},
    {.id = replication_is_replica,
     .top = {{{.name = "pg_replication_is_replica", .aggregate = max}}}},
    {.id = deadlocks_per_second, .kind = rate, .top = {{{"pg_stat_database_deadlocks"}}}},
    {.id = uptime_seconds, .kind = age,
     .top = {{{.name = "pg_postmaster_start_time_seconds", .aggregate = max}}}},

    {.name = "connections_idle",
     .top = {{{.name = "pg_stat_activity_count", .label = "state", .values = "idle"}}}},
    {.name = "connections_idle_in_transaction",
     .top = {{{.name = "pg_stat_activity_count", .label = "state",
               .values = "idle in transaction|idle in transaction (aborted)"}}}},
    {.name = "longest_transaction_seconds",
     .top = {{{.name = "pg_stat_activity_max_tx_duration", .aggregate = max}}}},
    {.name = "locks", .top = {{{"pg_locks_count"}}}},
    {.name = "locks_exclusive",
     .top = {{{.name = "pg_locks_count", .label = "mode",
               .values = "accessexclusivelock|exclusivelock"}}}},
    {.name = "commits_per_second", .kind = rate, .top = {{{"pg_stat_database_xact_commit"}}}},
    {.name = "rollbacks_per_second", .kind = rate, .top = {{{"pg_stat_database_xact_rollback"}}}},
    {.name = "rows_scanned_per_second", .kind = rate, .top = {{{"pg_stat_database_tup_returned"}}}},
    {.name = "rows_inserted_per_second", .kind = rate,
     .top = {{{"pg_stat_database_tup_inserted"}}}},
    {.name = "rows_updated_per_second", .kind = rate, .top = {{{"pg_stat_database_tup_updated"}}}},
    {.name = "rows_deleted_per_second", .kind = rate, .top = {{{"pg_stat_database_tup_deleted"}}}},
    {.name = "conflicts_per_second", .kind = rate, .top = {{{"pg_stat_database_conflicts"}}}},
    {.name = "temp_bytes_per_second", .kind = rate, .top = {{{"pg_stat_database_temp_bytes"}}}},
    {.name = "blocks_read_per_second", .kind = rate, .top = {{{"pg_stat_database_blks_read"}}}},
    {.name = "checkpoints_forced_per_second", .kind = rate,
     .top = {{{"pg_stat_bgwriter_checkpoints_req_total"}}}},
    {.name = "checkpoints_forced_per_second", .kind = rate,
     .top = {{{"pg_stat_bgwriter_checkpoints_req"}}}},
    {.name = "archive_failures_per_second", .kind = rate,
     .top = {{{"pg_stat_archiver_failed_count"}}}},
    {.name = "wal_bytes", .top = {{{"pg_wal_size_bytes"}}}},
    {.name = "replication_lag_bytes",
     .top = {{{.name = "pg_stat_replication_pg_wal_lsn_diff", .aggregate = max}}}},
    {.name = "replication_slot_retained_bytes",
     .top = {{{.name = "pg_replication_slots_pg_wal_lsn_diff", .aggregate = max}}}},
    {.name = "is_raft_primary",
     .top = {{{.name = "pg_coordinator_raft_primary", .aggregate = max}}}},
};

// clang-format on

}  // namespace

std::span<const rule> postgres_rules() noexcept {
    return rules;
}

}  // namespace scrape
