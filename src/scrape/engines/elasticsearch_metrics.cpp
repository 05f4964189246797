// Metrics of Elasticsearch and OpenSearch, by the series of elasticsearch_exporter 1.5 to 1.10.
// Each exporter reports all nodes, so a sum covers the cluster. Series with the suffixes _primary
// and _total repeat the values per index.
//
// A sum over the nodes counts each replica of a shard as well. Documents are taken from the
// primaries. The exporter has no such series for indexing: every copy indexes every document, so
// the sum is divided by the number of copies. It is exact if all indices have the same number of
// replicas. A search and a get run on one copy of a shard, so they are not divided. A search counts
// once per shard of the index. Storage is that of all nodes, as is its size.
#include "scrape/engine_rules.hpp"

namespace scrape {
namespace {

using enum domain::metric_id;
using enum aggregation;
using enum rule_kind;

// clang-format off

constexpr rule rules[] = {
    {.id = up, .top = {{{.name = "elasticsearch_cluster_health_up", .aggregate = max}}}},
    {.id = up, .top = {{{.name = "elasticsearch_clusterinfo_up", .aggregate = max}}}},
    {.id = up, .top = {{{.name = "elasticsearch_node_stats_up", .aggregate = max}}}},
    {.id = connections_current, .top = {{{"elasticsearch_http_open_connections"}}}},
    {.id = operations_per_second, .kind = rate,
     .top = {{{.name = "elasticsearch_indices_indexing_index_total", .per_copy = true},
              {"elasticsearch_indices_search_query_total"}, {"elasticsearch_indices_get_total"}}}},
    {.id = reads_per_second, .kind = rate,
     .top = {{{"elasticsearch_indices_search_query_total"}, {"elasticsearch_indices_get_total"}}}},
    {.id = writes_per_second, .kind = rate,
     .top = {{{.name = "elasticsearch_indices_indexing_index_total", .per_copy = true},
              {.name = "elasticsearch_indices_indexing_delete_total", .per_copy = true}}}},
    {.id = errors_per_second, .kind = rate,
     .top = {{{"elasticsearch_thread_pool_rejected_count"}}}},
    {.id = latency_average_seconds, .kind = ratio,
     .top = {{{"elasticsearch_indices_search_query_time_seconds"}}},
     .bottom = {{{"elasticsearch_indices_search_query_total"}}}},
    {.id = cache_hit_ratio, .kind = share,
     .top = {{{.name = "elasticsearch_indices_query_cache_count", .label = "cache",
               .values = "hit"}}},
     .bottom = {{{"elasticsearch_indices_query_miss_count"},
                 {.name = "elasticsearch_indices_query_cache_count", .label = "cache",
                  .values = "miss"}}}},
    {.id = memory_used_bytes,
     .top = {{{.name = "elasticsearch_jvm_memory_used_bytes", .label = "area", .values = "heap"}}}},
    {.id = memory_limit_bytes,
     .top = {{{.name = "elasticsearch_jvm_memory_max_bytes", .label = "area", .values = "heap"}}}},
    {.id = storage_used_bytes, .top = {{{"elasticsearch_indices_store_size_bytes"}}}},
    {.id = items, .top = {{{"elasticsearch_indices_docs_primary"}}}},
    {.id = items,
     .top = {{{.name = "elasticsearch_indices_shards_docs", .label = "primary", .values = "true"}}}},
    {.id = items, .top = {{{.name = "elasticsearch_indices_docs", .per_copy = true}}}},
    {.id = evictions_per_second, .kind = rate,
     .top = {{{"elasticsearch_indices_query_cache_evictions"},
              {"elasticsearch_indices_fielddata_evictions"}}}},
    // The uptime of the oldest node: the restart of one node is not a restart of the cluster.
    {.id = uptime_seconds,
     .top = {{{.name = "elasticsearch_jvm_uptime_seconds", .aggregate = max}}}},

    {.name = "health_green",
     .top = {{{.name = "elasticsearch_cluster_health_status", .aggregate = max, .label = "color",
               .values = "green"}}}},
    {.name = "health_yellow",
     .top = {{{.name = "elasticsearch_cluster_health_status", .aggregate = max, .label = "color",
               .values = "yellow"}}}},
    {.name = "health_red",
     .top = {{{.name = "elasticsearch_cluster_health_status", .aggregate = max, .label = "color",
               .values = "red"}}}},
    {.name = "nodes",
     .top = {{{.name = "elasticsearch_cluster_health_number_of_nodes", .aggregate = max}}}},
    {.name = "data_nodes",
     .top = {{{.name = "elasticsearch_cluster_health_number_of_data_nodes", .aggregate = max}}}},
    {.name = "active_primary_shards",
     .top = {{{.name = "elasticsearch_cluster_health_active_primary_shards", .aggregate = max}}}},
    {.name = "active_shards",
     .top = {{{.name = "elasticsearch_cluster_health_active_shards", .aggregate = max}}}},
    {.name = "unassigned_shards",
     .top = {{{.name = "elasticsearch_cluster_health_unassigned_shards", .aggregate = max}}}},
    {.name = "relocating_shards",
     .top = {{{.name = "elasticsearch_cluster_health_relocating_shards", .aggregate = max}}}},
    {.name = "pending_tasks",
     .top = {{{.name = "elasticsearch_cluster_health_number_of_pending_tasks", .aggregate = max}}}},
    {.name = "indexed_per_second", .kind = rate,
     .top = {{{.name = "elasticsearch_indices_indexing_index_total", .per_copy = true}}}},
    {.name = "searches_per_second", .kind = rate,
     .top = {{{"elasticsearch_indices_search_query_total"}}}},
    {.name = "index_latency_average_seconds", .kind = ratio,
     .top = {{{"elasticsearch_indices_indexing_index_time_seconds_total"}}},
     .bottom = {{{"elasticsearch_indices_indexing_index_total"}}}},
    {.name = "breakers_tripped_per_second", .kind = rate,
     .top = {{{"elasticsearch_breakers_tripped"}}}},
    {.name = "gc_seconds_per_second", .kind = rate,
     .top = {{{"elasticsearch_jvm_gc_collection_seconds_sum"}}}},
    {.name = "cpu_cores", .kind = rate, .top = {{{"elasticsearch_process_cpu_seconds_total"}}}},
    {.name = "storage_available_bytes",
     .top = {{{"elasticsearch_filesystem_data_available_bytes"}}}},
    {.name = "storage_size_bytes", .top = {{{"elasticsearch_filesystem_data_size_bytes"}}}},
};

// clang-format on

}  // namespace

std::span<const rule> elasticsearch_rules() noexcept {
    return rules;
}

copy_count elasticsearch_copies() noexcept {
    return {.all = {.name = "elasticsearch_cluster_health_active_shards", .aggregate = max},
            .primaries = {.name = "elasticsearch_cluster_health_active_primary_shards",
                          .aggregate = max}};
}

}  // namespace scrape
