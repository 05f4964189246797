// Metrics of Redis and Valkey, by the series of redis_exporter 1.45 to 1.66.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

constexpr std::string_view redis_reads =
    "get|mget|getex|getrange|strlen|exists|hget|hmget|hgetall|hkeys|hvals|hlen|hexists|hscan|"
    "lrange|llen|lindex|smembers|sismember|smismember|scard|srandmember|sscan|zrange|zrangebyscore|"
    "zrevrange|zrevrangebyscore|zscore|zrank|zcard|zcount|zscan|xread|xreadgroup|xrange|xlen|ttl|"
    "pttl|type|scan|keys|getbit|bitcount|pfcount|json.get";
constexpr std::string_view redis_writes =
    "set|mset|msetnx|setnx|setex|psetex|getset|getdel|append|setrange|incr|incrby|incrbyfloat|decr|"
    "decrby|del|unlink|expire|pexpire|expireat|persist|rename|hset|hmset|hsetnx|hdel|hincrby|"
    "hincrbyfloat|lpush|rpush|lpushx|rpushx|lpop|rpop|lrem|lset|ltrim|linsert|rpoplpush|lmove|"
    "blpop|brpop|sadd|srem|spop|smove|zadd|zrem|zincrby|zpopmin|zpopmax|xadd|xdel|xtrim|xack|"
    "setbit|pfadd|pfmerge|geoadd|flushdb|flushall|json.set";

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "redis_up", .aggregate = max}}}},
    {.id = connections_current, .top = {{{"redis_connected_clients"}}}},
    {.id = connections_max, .top = {{{"redis_config_maxclients"}}}},
    {.id = connections_max, .top = {{{"redis_max_clients"}}}},
    {.id = connections_per_second, .kind = rate, .top = {{{"redis_connections_received_total"}}}},
    {.id = operations_per_second, .kind = rate, .top = {{{"redis_commands_processed_total"}}}},
    {.id = reads_per_second, .kind = rate,
     .top = {{{.name = "redis_commands_total", .label = "cmd", .values = redis_reads}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{.name = "redis_commands_total", .label = "cmd", .values = redis_writes}}}},
    {.id = errors_per_second, .kind = rate, .top = {{{"redis_total_error_replies"}}}},
    {.id = errors_per_second, .kind = rate, .top = {{{"redis_errors_total"}}}},
    // The id of the newest slow-log entry counts the slow commands. An empty log has the id 0, also
    // after SLOWLOG RESET, so no rate is computed from a 0.
    {.id = slow_operations_per_second, .kind = rate,
     .top = {{{.name = "redis_slowlog_last_id", .zero_is_absent = true}}}},
    {.id = slow_operations_per_second,
     .top = {{{"redis_slowlog_last_id"}}},
     .only_if = {.name = "redis_slowlog_last_id", .aggregate = equals, .number = 0}},
    {.id = latency_average_seconds, .kind = ratio,
     .top = {{{"redis_commands_duration_seconds_total"}}}, .bottom = {{{"redis_commands_total"}}}},
    {.id = cache_hit_ratio, .kind = share,
     .top = {{{"redis_keyspace_hits_total"}}}, .bottom = {{{"redis_keyspace_misses_total"}}}},
    {.id = memory_used_bytes, .top = {{{"redis_memory_used_bytes"}}}},
    {.id = memory_limit_bytes, .top = {{{"redis_memory_max_bytes"}}}, .zero_is_unknown = true},
    {.id = storage_used_bytes, .top = {{{"redis_aof_current_size_bytes"}}}},
    {.id = network_received_bytes_per_second, .kind = rate,
     .top = {{{"redis_net_input_bytes_total"}}}},
    {.id = network_sent_bytes_per_second, .kind = rate,
     .top = {{{"redis_net_output_bytes_total"}}}},
    {.id = replication_replicas, .top = {{{"redis_connected_slaves"}}}},
    {.id = replication_lag_seconds,
     .top = {{{.name = "redis_connected_slave_lag_seconds", .aggregate = max}}}},
    // -1 while the link is down. No exporter reports since when the link is down.
    {.id = replication_lag_seconds,
     .top = {{{.name = "redis_master_last_io_seconds_ago", .aggregate = max}}},
     .only_if = {.name = "redis_master_link_up", .aggregate = min}},
    {.id = replication_is_replica,
     .top = {{{.name = "redis_instance_info", .aggregate = matches, .label = "role",
               .values = "slave"}}}},
    {.id = items, .top = {{{"redis_db_keys"}}}},
    {.id = evictions_per_second, .kind = rate, .top = {{{"redis_evicted_keys_total"}}}},
    {.id = uptime_seconds, .top = {{{"redis_uptime_in_seconds"}}}},

    {.name = "blocked_clients", .top = {{{"redis_blocked_clients"}}}},
    {.name = "rejected_connections_per_second", .kind = rate,
     .top = {{{"redis_rejected_connections_total"}}}},
    {.name = "expired_keys_per_second", .kind = rate, .top = {{{"redis_expired_keys_total"}}}},
    {.name = "keys_expiring", .top = {{{"redis_db_keys_expiring"}}}},
    {.name = "memory_rss_bytes", .top = {{{"redis_memory_used_rss_bytes"}}}},
    {.name = "memory_dataset_bytes", .top = {{{"redis_memory_used_dataset_bytes"}}}},
    {.name = "memory_fragmentation_ratio", .top = {{{"redis_mem_fragmentation_ratio"}}}},
    {.name = "cpu_cores", .kind = rate,
     .top = {{{"redis_cpu_sys_seconds_total"}, {"redis_cpu_user_seconds_total"}}}},
    {.name = "slow_log_entries", .top = {{{"redis_slowlog_length"}}}},
    {.name = "changes_since_save", .top = {{{"redis_rdb_changes_since_last_save"}}}},
    {.name = "last_save_age_seconds", .kind = age,
     .top = {{{.name = "redis_rdb_last_save_timestamp_seconds", .aggregate = max}}}},
    {.name = "failed_calls_per_second", .kind = rate,
     .top = {{{"redis_commands_failed_calls_total"}}}},
    {.name = "replication_link_up", .top = {{{.name = "redis_master_link_up", .aggregate = min}}}},
    {.name = "replication_lag_bytes", .kind = difference,
     .top = {{{.name = "redis_master_repl_offset", .aggregate = max}}},
     .bottom = {{{.name = "redis_connected_slave_offset_bytes", .aggregate = min}}}},
    {.name = "cluster_slots_ok", .top = {{{.name = "redis_cluster_slots_ok", .aggregate = max}}}},
    {.name = "cluster_slots_failed",
     .top = {{{.name = "redis_cluster_slots_fail", .aggregate = max}}}},
    {.name = "cluster_known_nodes",
     .top = {{{.name = "redis_cluster_known_nodes", .aggregate = max}}}},
    {.name = "cluster_size", .top = {{{.name = "redis_cluster_size", .aggregate = max}}}},
};

// clang-format on

}  // namespace

std::span<const rule> redis_rules() noexcept {
    return rules;
}

}  // namespace scrape
