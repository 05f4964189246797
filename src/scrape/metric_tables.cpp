// The tables: which exporter series make which platform metric. Series names are those of
// postgres_exporter 0.11-0.18, redis_exporter 1.45-1.66, mysqld_exporter 0.13-0.18, Percona's
// mongodb_exporter 0.40+, elasticsearch_exporter 1.5-1.10 and memcached_exporter 0.14. A new metric
// is a new line here; README.md shows how.
#include "scrape/mapping.hpp"

namespace scrape {
namespace {

using domain::metric_id;
using enum metric_id;
using enum fold;
using enum shape;

// clang-format off

// ---- PostgreSQL ---------------------------------------------------------------------------------------------------

constexpr rule postgres[] = {
    {.id = up, .top = {{{"pg_up"}}}},
    {.id = connections_current, .top = {{{"pg_stat_database_numbackends"}}}},
    {.id = connections_active, .top = {{{"pg_stat_activity_count", sum, "state", "active"}}}},
    {.id = connections_max, .top = {{{"pg_settings_max_connections", max}}}},
    // Statements are only known through pg_stat_statements, which forgets: transactions are what can be counted.
    {.id = operations_per_second, .how = rate,
     .top = {{{"pg_stat_database_xact_commit"}, {"pg_stat_database_xact_rollback"}}}},
    {.id = transactions_per_second, .how = rate,
     .top = {{{"pg_stat_database_xact_commit"}, {"pg_stat_database_xact_rollback"}}}},
    {.id = reads_per_second, .how = rate, .top = {{{"pg_stat_database_tup_fetched"}}}},
    {.id = writes_per_second, .how = rate,
     .top = {{{"pg_stat_database_tup_inserted"}, {"pg_stat_database_tup_updated"},
              {"pg_stat_database_tup_deleted"}}}},
    {.id = errors_per_second, .how = rate, .top = {{{"pg_stat_database_xact_rollback"}}}},
    {.id = cache_hit_ratio, .how = share, .top = {{{"pg_stat_database_blks_hit"}}},
     .bottom = {{{"pg_stat_database_blks_read"}}}},
    {.id = memory_limit_bytes, .top = {{{"pg_settings_shared_buffers_bytes", max}}}},
    {.id = storage_used_bytes, .top = {{{"pg_database_size_bytes"}}}},
    {.id = replication_replicas, .top = {{{"pg_stat_replication_pg_wal_lsn_diff", matches}}}},
    // 0 on a primary too, where it means nothing.
    {.id = replication_lag_seconds, .top = {{{"pg_replication_lag_seconds", max}}},
     .only_if = {"pg_replication_is_replica", max}},
    {.id = replication_is_replica, .top = {{{"pg_replication_is_replica", max}}}},
    {.id = deadlocks_per_second, .how = rate, .top = {{{"pg_stat_database_deadlocks"}}}},
    {.id = uptime_seconds, .how = age, .top = {{{"pg_postmaster_start_time_seconds", max}}}},

    {.name = "connections_idle", .top = {{{"pg_stat_activity_count", sum, "state", "idle"}}}},
    {.name = "connections_idle_in_transaction",
     .top = {{{"pg_stat_activity_count", sum, "state", "idle in transaction|idle in transaction (aborted)"}}}},
    {.name = "longest_transaction_seconds", .top = {{{"pg_stat_activity_max_tx_duration", max}}}},
    {.name = "locks", .top = {{{"pg_locks_count"}}}},
    {.name = "locks_exclusive", .top = {{{"pg_locks_count", sum, "mode", "accessexclusivelock|exclusivelock"}}}},
    {.name = "commits_per_second", .how = rate, .top = {{{"pg_stat_database_xact_commit"}}}},
    {.name = "rollbacks_per_second", .how = rate, .top = {{{"pg_stat_database_xact_rollback"}}}},
    {.name = "rows_scanned_per_second", .how = rate, .top = {{{"pg_stat_database_tup_returned"}}}},
    {.name = "rows_inserted_per_second", .how = rate, .top = {{{"pg_stat_database_tup_inserted"}}}},
    {.name = "rows_updated_per_second", .how = rate, .top = {{{"pg_stat_database_tup_updated"}}}},
    {.name = "rows_deleted_per_second", .how = rate, .top = {{{"pg_stat_database_tup_deleted"}}}},
    {.name = "conflicts_per_second", .how = rate, .top = {{{"pg_stat_database_conflicts"}}}},
    {.name = "temp_bytes_per_second", .how = rate, .top = {{{"pg_stat_database_temp_bytes"}}}},
    {.name = "blocks_read_per_second", .how = rate, .top = {{{"pg_stat_database_blks_read"}}}},
    {.name = "checkpoints_forced_per_second", .how = rate,
     .top = {{{"pg_stat_bgwriter_checkpoints_req_total"}}}},
    {.name = "checkpoints_forced_per_second", .how = rate,
     .top = {{{"pg_stat_bgwriter_checkpoints_req"}}}},
    {.name = "archive_failures_per_second", .how = rate, .top = {{{"pg_stat_archiver_failed_count"}}}},
    {.name = "wal_bytes", .top = {{{"pg_wal_size_bytes"}}}},
    {.name = "replication_lag_bytes", .top = {{{"pg_stat_replication_pg_wal_lsn_diff", max}}}},
    {.name = "replication_slot_retained_bytes", .top = {{{"pg_replication_slots_pg_wal_lsn_diff", max}}}},
    {.name = "is_raft_primary", .top = {{{"pg_coordinator_raft_primary", max}}}},
};

// ---- MySQL, MariaDB -----------------------------------------------------------------------------------------------

constexpr rule mysql[] = {
    {.id = up, .top = {{{"mysql_up"}}}},
    {.id = connections_current, .top = {{{"mysql_global_status_threads_connected"}}}},
    {.id = connections_active, .top = {{{"mysql_global_status_threads_running"}}}},
    {.id = connections_max, .top = {{{"mysql_global_variables_max_connections"}}}},
    {.id = connections_per_second, .how = rate, .top = {{{"mysql_global_status_connections"}}}},
    {.id = operations_per_second, .how = rate, .top = {{{"mysql_global_status_questions"}}}},
    {.id = operations_per_second, .how = rate, .top = {{{"mysql_global_status_queries"}}}},
    {.id = transactions_per_second, .how = rate,
     .top = {{{"mysql_global_status_commands_total", sum, "command", "commit|rollback"}}}},
    {.id = reads_per_second, .how = rate,
     .top = {{{"mysql_global_status_handlers_total", sum, "handler",
               "read_first|read_key|read_last|read_next|read_prev|read_rnd|read_rnd_next"}}}},
    {.id = writes_per_second, .how = rate,
     .top = {{{"mysql_global_status_handlers_total", sum, "handler", "write|update|delete"}}}},
    {.id = errors_per_second, .how = rate,
     .top = {{{"mysql_global_status_aborted_connects"}, {"mysql_global_status_aborted_clients"},
              {"mysql_global_status_connection_errors_total"}}}},
    {.id = slow_operations_per_second, .how = rate, .top = {{{"mysql_global_status_slow_queries"}}}},
    // MariaDB with userstat=1, else performance_schema's statement times (seconds in the exporter).
    {.id = latency_average_seconds, .how = ratio, .top = {{{"mysql_global_status_query_time"}}},
     .bottom = {{{"mysql_global_status_questions"}}}},
    {.id = latency_average_seconds, .how = ratio,
     .top = {{{"mysql_perf_schema_events_statements_seconds_total"}}},
     .bottom = {{{"mysql_perf_schema_events_statements_total"}}}},
    {.id = cache_hit_ratio, .how = complement, .top = {{{"mysql_global_status_innodb_buffer_pool_reads"}}},
     .bottom = {{{"mysql_global_status_innodb_buffer_pool_read_requests"}}}},
    {.id = memory_used_bytes, .top = {{{"mysql_global_status_memory_used"}}}},
    {.id = memory_used_bytes, .top = {{{"mysql_global_status_innodb_buffer_pool_bytes_data"}}}},
    {.id = memory_limit_bytes, .top = {{{"mysql_global_variables_innodb_buffer_pool_size"}}}},
    {.id = storage_used_bytes,
     .top = {{{"mysql_info_schema_table_size", sum, "component", "data_length|index_length"}}}},
    {.id = network_received_bytes_per_second, .how = rate, .top = {{{"mysql_global_status_bytes_received"}}}},
    {.id = network_sent_bytes_per_second, .how = rate, .top = {{{"mysql_global_status_bytes_sent"}}}},
    {.id = replication_replicas, .top = {{{"mysql_global_status_slaves_connected"}}}},
    // The columns of SHOW REPLICA STATUS: MySQL 8.4 says source, the others master. Several channels: the slowest.
    {.id = replication_lag_seconds, .top = {{{"mysql_slave_status_seconds_behind_master", max}}}},
    {.id = replication_lag_seconds, .top = {{{"mysql_slave_status_seconds_behind_source", max}}}},
    // In a replication group the secondaries are read-only.
    {.id = replication_is_replica, .top = {{{"mysql_global_variables_read_only"}}},
     .only_if = {"mysql_perf_schema_replication_group_member_info", present}},
    {.id = replication_is_replica,
     .top = {{{"mysql_slave_status_slave_io_running", present}, {"mysql_slave_status_replica_io_running", present}}},
     .only_if = {"mysql_up"}},
    {.id = items, .top = {{{"mysql_info_schema_table_rows"}}}},
    {.id = deadlocks_per_second, .how = rate, .top = {{{"mysql_global_status_innodb_deadlocks"}}}},
    {.id = uptime_seconds, .top = {{{"mysql_global_status_uptime"}}}},

    {.name = "selects_per_second", .how = rate,
     .top = {{{"mysql_global_status_commands_total", sum, "command", "select"}}}},
    {.name = "write_statements_per_second", .how = rate,
     .top = {{{"mysql_global_status_commands_total", sum, "command",
               "insert|update|delete|replace|insert_select|replace_select|update_multi|delete_multi"}}}},
    {.name = "rollbacks_per_second", .how = rate,
     .top = {{{"mysql_global_status_commands_total", sum, "command", "rollback"}}}},
    {.name = "aborted_connects_per_second", .how = rate, .top = {{{"mysql_global_status_aborted_connects"}}}},
    {.name = "aborted_clients_per_second", .how = rate, .top = {{{"mysql_global_status_aborted_clients"}}}},
    {.name = "access_denied_per_second", .how = rate, .top = {{{"mysql_global_status_access_denied_errors"}}}},
    {.name = "row_lock_waits_per_second", .how = rate, .top = {{{"mysql_global_status_innodb_row_lock_waits"}}}},
    {.name = "temp_disk_tables_per_second", .how = rate, .top = {{{"mysql_global_status_created_tmp_disk_tables"}}}},
    {.name = "data_reads_per_second", .how = rate, .top = {{{"mysql_global_status_innodb_data_reads"}}}},
    {.name = "data_writes_per_second", .how = rate, .top = {{{"mysql_global_status_innodb_data_writes"}}}},
    {.name = "connections_most_used", .top = {{{"mysql_global_status_max_used_connections"}}}},
    {.name = "open_files", .top = {{{"mysql_global_status_open_files"}}}},
    {.name = "open_tables", .top = {{{"mysql_global_status_open_tables"}}}},
    {.name = "buffer_pool_dirty_pages", .top = {{{"mysql_global_status_buffer_pool_dirty_pages"}}}},
    {.name = "binlog_bytes", .top = {{{"mysql_binlog_size_bytes"}}}},
    {.name = "read_only", .top = {{{"mysql_global_variables_read_only"}}}},
    {.name = "galera_cluster_size", .top = {{{"mysql_global_status_wsrep_cluster_size"}}}, .zero_is_unknown = true},
    {.name = "galera_ready", .top = {{{"mysql_global_status_wsrep_ready"}}}},
    {.name = "galera_flow_control_paused", .top = {{{"mysql_global_status_wsrep_flow_control_paused"}}}},
    {.name = "group_members_online",
     .top = {{{"mysql_perf_schema_replication_group_member_info", matches, "member_state", "ONLINE"}}}},
    {.name = "replication_threads_running",
     .top = {{{"mysql_slave_status_slave_io_running"}, {"mysql_slave_status_slave_sql_running"}}}},
    {.name = "replication_threads_running",
     .top = {{{"mysql_slave_status_replica_io_running"}, {"mysql_slave_status_replica_sql_running"}}}},
};

// ---- Redis, Valkey ------------------------------------------------------------------------------------------------

constexpr std::string_view redis_reads =
    "get|mget|getex|getrange|strlen|exists|hget|hmget|hgetall|hkeys|hvals|hlen|hexists|hscan|lrange|llen|"
    "lindex|smembers|"
    "sismember|smismember|scard|srandmember|sscan|zrange|zrangebyscore|zrevrange|zrevrangebyscore|zscore|"
    "zrank|zcard|zcount|"
    "zscan|xread|xreadgroup|xrange|xlen|ttl|pttl|type|scan|keys|getbit|bitcount|pfcount|json.get";
constexpr std::string_view redis_writes =
    "set|mset|msetnx|setnx|setex|psetex|getset|getdel|append|setrange|incr|incrby|incrbyfloat|decr|"
    "decrby|del|unlink|expire|"
    "pexpire|expireat|persist|rename|hset|hmset|hsetnx|hdel|hincrby|hincrbyfloat|lpush|rpush|lpushx|"
    "rpushx|lpop|rpop|lrem|lset|"
    "ltrim|linsert|rpoplpush|lmove|blpop|brpop|sadd|srem|spop|smove|zadd|zrem|zincrby|zpopmin|zpopmax|"
    "xadd|xdel|xtrim|xack|"
    "setbit|pfadd|pfmerge|geoadd|flushdb|flushall|json.set";

constexpr rule redis[] = {
    {.id = up, .top = {{{"redis_up"}}}},
    {.id = connections_current, .top = {{{"redis_connected_clients"}}}},
    {.id = connections_max, .top = {{{"redis_config_maxclients"}}}},
    {.id = connections_max, .top = {{{"redis_max_clients"}}}},
    {.id = connections_per_second, .how = rate, .top = {{{"redis_connections_received_total"}}}},
    {.id = operations_per_second, .how = rate, .top = {{{"redis_commands_processed_total"}}}},
    {.id = reads_per_second, .how = rate, .top = {{{"redis_commands_total", sum, "cmd", redis_reads}}}},
    {.id = writes_per_second, .how = rate, .top = {{{"redis_commands_total", sum, "cmd", redis_writes}}}},
    {.id = errors_per_second, .how = rate, .top = {{{"redis_total_error_replies"}}}},
    {.id = errors_per_second, .how = rate, .top = {{{"redis_errors_total"}}}},
    // The id of the newest slow-log entry counts them; of an empty log it is 0, also after all those that were
    // forgotten with SLOWLOG RESET, so that nothing may be reckoned from there.
    {.id = slow_operations_per_second, .how = rate,
     .top = {{{.name = "redis_slowlog_last_id", .zero_is_absent = true}}}},
    {.id = slow_operations_per_second, .top = {{{"redis_slowlog_last_id"}}},
     .only_if = {"redis_slowlog_last_id", equals, {}, {}, 0}},
    {.id = latency_average_seconds, .how = ratio, .top = {{{"redis_commands_duration_seconds_total"}}},
     .bottom = {{{"redis_commands_total"}}}},
    {.id = cache_hit_ratio, .how = share, .top = {{{"redis_keyspace_hits_total"}}},
     .bottom = {{{"redis_keyspace_misses_total"}}}},
    {.id = memory_used_bytes, .top = {{{"redis_memory_used_bytes"}}}},
    {.id = memory_limit_bytes, .top = {{{"redis_memory_max_bytes"}}}, .zero_is_unknown = true},
    {.id = storage_used_bytes, .top = {{{"redis_aof_current_size_bytes"}}}},
    {.id = network_received_bytes_per_second, .how = rate, .top = {{{"redis_net_input_bytes_total"}}}},
    {.id = network_sent_bytes_per_second, .how = rate, .top = {{{"redis_net_output_bytes_total"}}}},
    {.id = replication_replicas, .top = {{{"redis_connected_slaves"}}}},
    {.id = replication_lag_seconds, .top = {{{"redis_connected_slave_lag_seconds", max}}}},
    // -1 while the link is down; since when it is down no exporter tells.
    {.id = replication_lag_seconds, .top = {{{"redis_master_last_io_seconds_ago", max}}},
     .only_if = {"redis_master_link_up", min}},
    {.id = replication_is_replica, .top = {{{"redis_instance_info", matches, "role", "slave"}}}},
    {.id = items, .top = {{{"redis_db_keys"}}}},
    {.id = evictions_per_second, .how = rate, .top = {{{"redis_evicted_keys_total"}}}},
    {.id = uptime_seconds, .top = {{{"redis_uptime_in_seconds"}}}},

    {.name = "blocked_clients", .top = {{{"redis_blocked_clients"}}}},
    {.name = "rejected_connections_per_second", .how = rate, .top = {{{"redis_rejected_connections_total"}}}},
    {.name = "expired_keys_per_second", .how = rate, .top = {{{"redis_expired_keys_total"}}}},
    {.name = "keys_expiring", .top = {{{"redis_db_keys_expiring"}}}},
    {.name = "memory_rss_bytes", .top = {{{"redis_memory_used_rss_bytes"}}}},
    {.name = "memory_dataset_bytes", .top = {{{"redis_memory_used_dataset_bytes"}}}},
    {.name = "memory_fragmentation_ratio", .top = {{{"redis_mem_fragmentation_ratio"}}}},
    {.name = "cpu_cores", .how = rate, .top = {{{"redis_cpu_sys_seconds_total"}, {"redis_cpu_user_seconds_total"}}}},
    {.name = "slow_log_entries", .top = {{{"redis_slowlog_length"}}}},
    {.name = "changes_since_save", .top = {{{"redis_rdb_changes_since_last_save"}}}},
    {.name = "last_save_age_seconds", .how = age, .top = {{{"redis_rdb_last_save_timestamp_seconds", max}}}},
    {.name = "failed_calls_per_second", .how = rate, .top = {{{"redis_commands_failed_calls_total"}}}},
    {.name = "replication_link_up", .top = {{{"redis_master_link_up", min}}}},
    {.name = "replication_lag_bytes", .how = difference, .top = {{{"redis_master_repl_offset", max}}},
     .bottom = {{{"redis_connected_slave_offset_bytes", min}}}},
    {.name = "cluster_slots_ok", .top = {{{"redis_cluster_slots_ok", max}}}},
    {.name = "cluster_slots_failed", .top = {{{"redis_cluster_slots_fail", max}}}},
    {.name = "cluster_known_nodes", .top = {{{"redis_cluster_known_nodes", max}}}},
    {.name = "cluster_size", .top = {{{"redis_cluster_size", max}}}},
};

// ---- MongoDB ------------------------------------------------------------------------------------------------------

constexpr rule mongodb[] = {
    {.id = up, .top = {{{"mongodb_up", max}}}},
    {.id = connections_current, .top = {{{"mongodb_ss_connections", sum, "conn_type", "current"}}}},
    {.id = connections_active, .top = {{{"mongodb_ss_connections", sum, "conn_type", "active"}}}},
    {.id = connections_max, .top = {{{"mongodb_ss_connections", sum, "conn_type", "current|available"}}}},
    {.id = connections_per_second, .how = rate,
     .top = {{{"mongodb_ss_connections", sum, "conn_type", "totalCreated"}}}},
    {.id = operations_per_second, .how = rate, .top = {{{"mongodb_ss_opcounters"}}}},
    {.id = transactions_per_second, .how = rate,
     .top = {{{"mongodb_ss_transactions_totalCommitted"}, {"mongodb_ss_transactions_totalAborted"}}}},
    {.id = reads_per_second, .how = rate,
     .top = {{{"mongodb_ss_metrics_document", sum, "doc_op_type", "returned"}}}},
    {.id = writes_per_second, .how = rate,
     .top = {{{"mongodb_ss_metrics_document", sum, "doc_op_type", "inserted|updated|deleted"}}}},
    {.id = errors_per_second, .how = rate,
     .top = {{{"mongodb_ss_asserts", sum, "assert_type", "regular|msg|user"}}}},
    // Microseconds in the server.
    {.id = latency_average_seconds, .how = ratio, .top = {{{"mongodb_ss_opLatencies_latency"}}},
     .bottom = {{{"mongodb_ss_opLatencies_ops"}}}, .scale = 1e-6},
    {.id = cache_hit_ratio, .how = complement, .top = {{{"mongodb_ss_wt_cache_pages_read_into_cache"}}},
     .bottom = {{{"mongodb_ss_wt_cache_pages_requested_from_the_cache"}}}},
    // Mebibytes in the server.
    {.id = memory_used_bytes, .top = {{{"mongodb_ss_mem_resident"}}}, .scale = 1048576},
    {.id = memory_limit_bytes, .top = {{{"mongodb_ss_wt_cache_maximum_bytes_configured"}}}},
    {.id = storage_used_bytes, .top = {{{"mongodb_dbstats_storageSize"}, {"mongodb_dbstats_indexSize"}}}},
    {.id = network_received_bytes_per_second, .how = rate, .top = {{{"mongodb_ss_network_bytesIn"}}}},
    {.id = network_sent_bytes_per_second, .how = rate, .top = {{{"mongodb_ss_network_bytesOut"}}}},
    // Members in the state 2 are secondaries.
    {.id = replication_replicas, .top = {{{"mongodb_members_state", equals, {}, {}, 2}}}},
    {.id = replication_replicas, .top = {{{"mongodb_rs_members_state", equals, {}, {}, 2}}}},
    // Milliseconds; the newest member is the primary, the oldest the slowest. One that is out of reach is at 0.
    {.id = replication_lag_seconds, .how = difference, .top = {{{"mongodb_members_optimeDate", max}}},
     .bottom = {{{.name = "mongodb_members_optimeDate", .how = min, .zero_is_absent = true}}}, .scale = 1e-3},
    {.id = replication_lag_seconds, .how = difference, .top = {{{"mongodb_rs_members_optimeDate", max}}},
     .bottom = {{{.name = "mongodb_rs_members_optimeDate", .how = min, .zero_is_absent = true}}}, .scale = 1e-3},
    {.id = replication_is_replica, .top = {{{"mongodb_myState", equals, {}, {}, 2}}}},
    {.id = replication_is_replica, .top = {{{"mongodb_rs_myState", equals, {}, {}, 2}}}},
    {.id = items, .top = {{{"mongodb_dbstats_objects"}}}},
    {.id = uptime_seconds, .top = {{{"mongodb_ss_uptime", max}}}},

    {.name = "inserts_per_second", .how = rate,
     .top = {{{"mongodb_ss_opcounters", sum, "legacy_op_type", "insert"}}}},
    {.name = "queries_per_second", .how = rate, .top = {{{"mongodb_ss_opcounters", sum, "legacy_op_type", "query"}}}},
    {.name = "updates_per_second", .how = rate,
     .top = {{{"mongodb_ss_opcounters", sum, "legacy_op_type", "update"}}}},
    {.name = "deletes_per_second", .how = rate,
     .top = {{{"mongodb_ss_opcounters", sum, "legacy_op_type", "delete"}}}},
    {.name = "commands_per_second", .how = rate,
     .top = {{{"mongodb_ss_opcounters", sum, "legacy_op_type", "command"}}}},
    {.name = "replicated_operations_per_second", .how = rate, .top = {{{"mongodb_ss_opcountersRepl"}}}},
    {.name = "queued_operations", .top = {{{"mongodb_ss_globalLock_currentQueue", sum, "count_type", "total"}}}},
    {.name = "cache_used_bytes", .top = {{{"mongodb_ss_wt_cache_bytes_currently_in_the_cache"}}}},
    {.name = "members_healthy", .top = {{{"mongodb_members_health"}}}},
    {.name = "members_healthy", .top = {{{"mongodb_rs_members_health"}}}},
    {.name = "data_bytes", .top = {{{"mongodb_dbstats_dataSize"}}}},
    {.name = "index_bytes", .top = {{{"mongodb_dbstats_indexSize"}}}},
    {.name = "collections", .top = {{{"mongodb_dbstats_collections"}}}},
};

// ---- Elasticsearch, OpenSearch ------------------------------------------------------------------------------------
// Every exporter tells of all nodes: sums are over the cluster. Names with _primary and _total suffixes repeat
// them per index.

constexpr rule elasticsearch[] = {
    {.id = up, .top = {{{"elasticsearch_cluster_health_up"}}}},
    {.id = up, .top = {{{"elasticsearch_clusterinfo_up", max}}}},
    {.id = up, .top = {{{"elasticsearch_node_stats_up"}}}},
    {.id = connections_current, .top = {{{"elasticsearch_http_open_connections"}}}},
    {.id = operations_per_second, .how = rate,
     .top = {{{"elasticsearch_indices_indexing_index_total"}, {"elasticsearch_indices_search_query_total"},
              {"elasticsearch_indices_get_total"}}}},
    {.id = reads_per_second, .how = rate,
     .top = {{{"elasticsearch_indices_search_query_total"}, {"elasticsearch_indices_get_total"}}}},
    {.id = writes_per_second, .how = rate,
     .top = {{{"elasticsearch_indices_indexing_index_total"}, {"elasticsearch_indices_indexing_delete_total"}}}},
    {.id = errors_per_second, .how = rate, .top = {{{"elasticsearch_thread_pool_rejected_count"}}}},
    {.id = latency_average_seconds, .how = ratio, .top = {{{"elasticsearch_indices_search_query_time_seconds"}}},
     .bottom = {{{"elasticsearch_indices_search_query_total"}}}},
    {.id = cache_hit_ratio, .how = share,
     .top = {{{"elasticsearch_indices_query_cache_count", sum, "cache", "hit"}}},
     .bottom = {{{"elasticsearch_indices_query_miss_count"},
                 {"elasticsearch_indices_query_cache_count", sum, "cache", "miss"}}}},
    {.id = memory_used_bytes, .top = {{{"elasticsearch_jvm_memory_used_bytes", sum, "area", "heap"}}}},
    {.id = memory_limit_bytes, .top = {{{"elasticsearch_jvm_memory_max_bytes", sum, "area", "heap"}}}},
    {.id = storage_used_bytes, .top = {{{"elasticsearch_indices_store_size_bytes"}}}},
    {.id = items, .top = {{{"elasticsearch_indices_docs"}}}},
    {.id = evictions_per_second, .how = rate,
     .top = {{{"elasticsearch_indices_query_cache_evictions"}, {"elasticsearch_indices_fielddata_evictions"}}}},
    // The oldest node's: a restart of one node must not look like one of the cluster.
    {.id = uptime_seconds, .top = {{{"elasticsearch_jvm_uptime_seconds", max}}}},

    {.name = "health_green", .top = {{{"elasticsearch_cluster_health_status", max, "color", "green"}}}},
    {.name = "health_yellow", .top = {{{"elasticsearch_cluster_health_status", max, "color", "yellow"}}}},
    {.name = "health_red", .top = {{{"elasticsearch_cluster_health_status", max, "color", "red"}}}},
    {.name = "nodes", .top = {{{"elasticsearch_cluster_health_number_of_nodes", max}}}},
    {.name = "data_nodes", .top = {{{"elasticsearch_cluster_health_number_of_data_nodes", max}}}},
    {.name = "active_shards", .top = {{{"elasticsearch_cluster_health_active_shards", max}}}},
    {.name = "unassigned_shards", .top = {{{"elasticsearch_cluster_health_unassigned_shards", max}}}},
    {.name = "relocating_shards", .top = {{{"elasticsearch_cluster_health_relocating_shards", max}}}},
    {.name = "pending_tasks", .top = {{{"elasticsearch_cluster_health_number_of_pending_tasks", max}}}},
    {.name = "indexed_per_second", .how = rate, .top = {{{"elasticsearch_indices_indexing_index_total"}}}},
    {.name = "searches_per_second", .how = rate, .top = {{{"elasticsearch_indices_search_query_total"}}}},
    {.name = "index_latency_average_seconds", .how = ratio,
     .top = {{{"elasticsearch_indices_indexing_index_time_seconds_total"}}},
     .bottom = {{{"elasticsearch_indices_indexing_index_total"}}}},
    {.name = "breakers_tripped_per_second", .how = rate, .top = {{{"elasticsearch_breakers_tripped"}}}},
    {.name = "gc_seconds_per_second", .how = rate, .top = {{{"elasticsearch_jvm_gc_collection_seconds_sum"}}}},
    {.name = "cpu_cores", .how = rate, .top = {{{"elasticsearch_process_cpu_seconds_total"}}}},
    {.name = "storage_available_bytes", .top = {{{"elasticsearch_filesystem_data_available_bytes"}}}},
    {.name = "storage_size_bytes", .top = {{{"elasticsearch_filesystem_data_size_bytes"}}}},
};

// ---- Memcached ----------------------------------------------------------------------------------------------------

constexpr rule memcached[] = {
    {.id = up, .top = {{{"memcached_up"}}}},
    {.id = connections_current, .top = {{{"memcached_current_connections"}}}},
    {.id = connections_max, .top = {{{"memcached_max_connections"}}}},
    {.id = connections_per_second, .how = rate, .top = {{{"memcached_connections_total"}}}},
    {.id = operations_per_second, .how = rate, .top = {{{"memcached_commands_total"}}}},
    {.id = reads_per_second, .how = rate, .top = {{{"memcached_commands_total", sum, "command", "get"}}}},
    {.id = writes_per_second, .how = rate,
     .top = {{{"memcached_commands_total", sum, "command", "set|delete|incr|decr|cas|touch"}}}},
    {.id = errors_per_second, .how = rate,
     .top = {{{"memcached_item_no_memory_total"}, {"memcached_item_too_large_total"}}}},
    {.id = cache_hit_ratio, .how = ratio,
     .top = {{{"memcached_commands_total", sum, "command", "get", 0, "status", "hit"}}},
     .bottom = {{{"memcached_commands_total", sum, "command", "get"}}}},
    {.id = memory_used_bytes, .top = {{{"memcached_current_bytes"}}}},
    {.id = memory_limit_bytes, .top = {{{"memcached_limit_bytes"}}}},
    {.id = network_received_bytes_per_second, .how = rate, .top = {{{"memcached_read_bytes_total"}}}},
    {.id = network_sent_bytes_per_second, .how = rate, .top = {{{"memcached_written_bytes_total"}}}},
    {.id = items, .top = {{{"memcached_current_items"}}}},
    {.id = evictions_per_second, .how = rate, .top = {{{"memcached_items_evicted_total"}}}},
    {.id = uptime_seconds, .top = {{{"memcached_uptime_seconds"}}}},

    {.name = "rejected_connections_per_second", .how = rate, .top = {{{"memcached_connections_rejected_total"}}}},
    {.name = "reclaimed_items_per_second", .how = rate, .top = {{{"memcached_items_reclaimed_total"}}}},
    {.name = "items_stored_per_second", .how = rate, .top = {{{"memcached_items_total"}}}},
    {.name = "cpu_cores", .how = rate,
     .top = {{{"memcached_process_user_cpu_seconds_total"}, {"memcached_process_system_cpu_seconds_total"}}}},
};

// clang-format on

constexpr std::array<engine_table, 9> tables{{
    {"postgres", postgres},
    {"mysql", mysql},
    {"mariadb", mysql},
    {"redis", redis},
    {"valkey", redis},
    {"mongodb", mongodb},
    {"elasticsearch", elasticsearch},
    {"opensearch", elasticsearch},
    {"memcached", memcached},
}};

}  // namespace

std::span<const engine_table> engine_tables() noexcept {
    return tables;
}

}  // namespace scrape
