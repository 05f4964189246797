// Metrics of MySQL and MariaDB, by the series of mysqld_exporter 0.13 to 0.18.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "mysql_up", .aggregate = max}}}},
    {.id = connections_current, .top = {{{"mysql_global_status_threads_connected"}}}},
    {.id = connections_active, .top = {{{"mysql_global_status_threads_running"}}}},
    {.id = connections_max, .top = {{{"mysql_global_variables_max_connections"}}}},
    {.id = connections_per_second, .kind = rate, .top = {{{"mysql_global_status_connections"}}}},
    {.id = operations_per_second, .kind = rate, .top = {{{"mysql_global_status_questions"}}}},
    {.id = operations_per_second, .kind = rate, .top = {{{"mysql_global_status_queries"}}}},
    {.id = transactions_per_second, .kind = rate,
     .top = {{{.name = "mysql_global_status_commands_total", .label = "command",
               .values = "commit|rollback"}}}},
    {.id = reads_per_second, .kind = rate,
     .top = {{{.name = "mysql_global_status_handlers_total", .label = "handler",
               .values = "read_first|read_key|read_last|read_next|read_prev|read_rnd|"
                         "read_rnd_next"}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{.name = "mysql_global_status_handlers_total", .label = "handler",
               .values = "write|update|delete"}}}},
    {.id = errors_per_second, .kind = rate,
     .top = {{{"mysql_global_status_aborted_connects"}, {"mysql_global_status_aborted_clients"},
              {"mysql_global_status_connection_errors_total"}}}},
    {.id = slow_operations_per_second, .kind = rate,
     .top = {{{"mysql_global_status_slow_queries"}}}},
    // MariaDB with userstat=1. Otherwise the statement times of performance_schema, which the
    // exporter converts to seconds.
    {.id = latency_average_seconds, .kind = ratio,
     .top = {{{"mysql_global_status_query_time"}}},
     .bottom = {{{"mysql_global_status_questions"}}}},
    {.id = latency_average_seconds, .kind = ratio,
     .top = {{{"mysql_perf_schema_events_statements_seconds_total"}}},
     .bottom = {{{"mysql_perf_schema_events_statements_total"}}}},
    {.id = cache_hit_ratio, .kind = complement,
     .top = {{{"mysql_global_status_innodb_buffer_pool_reads"}}},
     .bottom = {{{"mysql_global_status_innodb_buffer_pool_read_requests"}}}},
    {.id = memory_used_bytes, .top = {{{"mysql_global_status_memory_used"}}}},
    {.id = memory_used_bytes, .top = {{{"mysql_global_status_innodb_buffer_pool_bytes_data"}}}},
    {.id = memory_limit_bytes, .top = {{{"mysql_global_variables_innodb_buffer_pool_size"}}}},
    {.id = storage_used_bytes,
     .top = {{{.name = "mysql_info_schema_table_size", .label = "component",
               .values = "data_length|index_length"}}}},
    {.id = network_received_bytes_per_second, .kind = rate,
     .top = {{{"mysql_global_status_bytes_received"}}}},
    {.id = network_sent_bytes_per_second, .kind = rate,
     .top = {{{"mysql_global_status_bytes_sent"}}}},
    {.id = replication_replicas, .top = {{{"mysql_global_status_slaves_connected"}}}},
    // Columns of SHOW REPLICA STATUS: "source" in MySQL 8.4, "master" elsewhere. With several
    // channels the slowest counts.
    {.id = replication_lag_seconds,
     .top = {{{.name = "mysql_slave_status_seconds_behind_master", .aggregate = max}}}},
    {.id = replication_lag_seconds,
     .top = {{{.name = "mysql_slave_status_seconds_behind_source", .aggregate = max}}}},
    // The secondaries of a replication group are read-only.
    {.id = replication_is_replica,
     .top = {{{"mysql_global_variables_read_only"}}},
     .only_if = {.name = "mysql_perf_schema_replication_group_member_info", .aggregate = present}},
    {.id = replication_is_replica,
     .top = {{{.name = "mysql_slave_status_slave_io_running", .aggregate = present},
              {.name = "mysql_slave_status_replica_io_running", .aggregate = present}}},
     .only_if = {.name = "mysql_up", .aggregate = max}},
    {.id = items, .top = {{{"mysql_info_schema_table_rows"}}}},
    {.id = deadlocks_per_second, .kind = rate, .top = {{{"mysql_global_status_innodb_deadlocks"}}}},
    {.id = uptime_seconds, .top = {{{"mysql_global_status_uptime"}}}},

    {.name = "selects_per_second", .kind = rate,
     .top = {{{.name = "mysql_global_status_commands_total", .label = "command",
               .values = "select"}}}},
    {.name = "write_statements_per_second", .kind = rate,
     .top = {{{.name = "mysql_global_status_commands_total", .label = "command",
               .values = "insert|update|delete|replace|insert_select|replace_select|update_multi|"
                         "delete_multi"}}}},
    {.name = "rollbacks_per_second", .kind = rate,
     .top = {{{.name = "mysql_global_status_commands_total", .label = "command",
               .values = "rollback"}}}},
    {.name = "aborted_connects_per_second", .kind = rate,
     .top = {{{"mysql_global_status_aborted_connects"}}}},
    {.name = "aborted_clients_per_second", .kind = rate,
     .top = {{{"mysql_global_status_aborted_clients"}}}},
    {.name = "access_denied_per_second", .kind = rate,
     .top = {{{"mysql_global_status_access_denied_errors"}}}},
    {.name = "row_lock_waits_per_second", .kind = rate,
     .top = {{{"mysql_global_status_innodb_row_lock_waits"}}}},
    {.name = "temp_disk_tables_per_second", .kind = rate,
     .top = {{{"mysql_global_status_created_tmp_disk_tables"}}}},
    {.name = "data_reads_per_second", .kind = rate,
     .top = {{{"mysql_global_status_innodb_data_reads"}}}},
    {.name = "data_writes_per_second", .kind = rate,
     .top = {{{"mysql_global_status_innodb_data_writes"}}}},
    {.name = "connections_most_used", .top = {{{"mysql_global_status_max_used_connections"}}}},
    {.name = "open_files", .top = {{{"mysql_global_status_open_files"}}}},
    {.name = "open_tables", .top = {{{"mysql_global_status_open_tables"}}}},
    {.name = "buffer_pool_dirty_pages", .top = {{{"mysql_global_status_buffer_pool_dirty_pages"}}}},
    {.name = "binlog_bytes", .top = {{{"mysql_binlog_size_bytes"}}}},
    {.name = "read_only", .top = {{{"mysql_global_variables_read_only"}}}},
    {.name = "galera_cluster_size",
     .top = {{{"mysql_global_status_wsrep_cluster_size"}}}, .zero_is_unknown = true},
    {.name = "galera_ready", .top = {{{"mysql_global_status_wsrep_ready"}}}},
    {.name = "galera_flow_control_paused",
     .top = {{{"mysql_global_status_wsrep_flow_control_paused"}}}},
    {.name = "group_members_online",
     .top = {{{.name = "mysql_perf_schema_replication_group_member_info", .aggregate = matches,
               .label = "member_state", .values = "ONLINE"}}}},
    // 2 if both threads of every channel run.
    {.name = "replication_threads_running",
     .top = {{{.name = "mysql_slave_status_slave_io_running", .aggregate = min},
              {.name = "mysql_slave_status_slave_sql_running", .aggregate = min}}}},
    {.name = "replication_threads_running",
     .top = {{{.name = "mysql_slave_status_replica_io_running", .aggregate = min},
              {.name = "mysql_slave_status_replica_sql_running", .aggregate = min}}}},
};

// clang-format on

}  // namespace

std::span<const rule> mysql_rules() noexcept {
    return rules;
}

}  // namespace scrape
