// Metrics of Memcached, by the series of memcached_exporter 0.14.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "memcached_up", .aggregate = max}}}},
    {.id = connections_current, .top = {{{"memcached_current_connections"}}}},
    {.id = connections_max, .top = {{{"memcached_max_connections"}}}},
    {.id = connections_per_second, .kind = rate, .top = {{{"memcached_connections_total"}}}},
    {.id = operations_per_second, .kind = rate, .top = {{{"memcached_commands_total"}}}},
    {.id = reads_per_second, .kind = rate,
     .top = {{{.name = "memcached_commands_total", .label = "command", .values = "get"}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{.name = "memcached_commands_total", .label = "command",
               .values = "set|delete|incr|decr|cas|touch"}}}},
    {.id = errors_per_second, .kind = rate,
     .top = {{{"memcached_item_no_memory_total"}, {"memcached_item_too_large_total"}}}},
    {.id = cache_hit_ratio, .kind = ratio,
     .top = {{{.name = "memcached_commands_total", .label = "command",
               .values = "get", .second_label = "status", .second_value = "hit"}}},
     .bottom = {{{.name = "memcached_commands_total", .label = "command", .values = "get"}}}},
    {.id = memory_used_bytes, .top = {{{"memcached_current_bytes"}}}},
    {.id = memory_limit_bytes, .top = {{{"memcached_limit_bytes"}}}},
    {.id = network_received_bytes_per_second, .kind = rate,
     .top = {{{"memcached_read_bytes_total"}}}},
    {.id = network_sent_bytes_per_second, .kind = rate,
     .top = {{{"memcached_written_bytes_total"}}}},
    {.id = items, .top = {{{"memcached_current_items"}}}},
    {.id = evictions_per_second, .kind = rate, .top = {{{"memcached_items_evicted_total"}}}},
    {.id = uptime_seconds, .top = {{{"memcached_uptime_seconds"}}}},

    {.name = "rejected_connections_per_second", .kind = rate,
     .top = {{{"memcached_connections_rejected_total"}}}},
    {.name = "reclaimed_items_per_second", .kind = rate,
     .top = {{{"memcached_items_reclaimed_total"}}}},
    {.name = "items_stored_per_second", .kind = rate, .top = {{{"memcached_items_total"}}}},
    {.name = "cpu_cores", .kind = rate,
     .top = {{{"memcached_process_user_cpu_seconds_total"},
              {"memcached_process_system_cpu_seconds_total"}}}},
};

// clang-format on

}  // namespace

std::span<const rule> memcached_rules() noexcept {
    return rules;
}

}  // namespace scrape
