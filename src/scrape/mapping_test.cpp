#include "scrape/mapping.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace scrape {
namespace {

using namespace std::chrono_literals;
using domain::metric_id;
using enum domain::metric_id;
using values = std::map<metric_id, double>;
using named_values = std::map<std::string, double>;

std::string file_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

constexpr base::instant noon{1'800'000'000s};

domain::metrics_sample evaluated(std::string_view engine, const std::vector<std::string>& pages,
                                 page_format format = page_format::text,
                                 std::chrono::nanoseconds apart = 10s) {
    const auto* const plan = find_plan(engine);
    page_reader reader;
    rate_memory memory({});
    domain::metrics_sample sample;
    auto now = base::steady_time(1h);
    for (const auto& page : pages) {
        const auto reading = plan->read(page, format, reader);
        EXPECT_TRUE(reading) << reading.error().text;
        if (!reading) return sample;
        sample = plan->evaluate(*reading, memory, now, noon);
        now += apart;
    }
    return sample;
}

std::vector<std::string> capture(const std::string& name) {
    const std::filesystem::path folder = SCRAPE_TESTDATA;
    return {file_text(folder / (name + "-1.prom")), file_text(folder / (name + "-2.prom"))};
}

void expect_values(const domain::metrics_sample& sample, const values& wanted) {
    for (const auto& metric : domain::all_metrics()) {
        const auto it = wanted.find(metric.id);
        if (it == wanted.end()) {
            EXPECT_FALSE(sample.values.has(metric.id))
                << metric.name << " " << sample.values[metric.id];
        } else {
            EXPECT_NEAR(sample.values[metric.id], it->second, std::abs(it->second) * 1e-9)
                << metric.name;
        }
    }
}

void expect_engine_values(const domain::metrics_sample& sample, const named_values& wanted) {
    const named_values have(sample.engine_metrics.begin(), sample.engine_metrics.end());
    for (const auto& [name, value] : wanted) {
        ASSERT_TRUE(have.contains(name)) << name;
        EXPECT_NEAR(have.at(name), value, std::abs(value) * 1e-9) << name;
    }
}

// Another program computed the values from the same captures. The pages count as 10 s apart.
TEST(mapping, matches_the_captured_pages_of_postgres) {
    const auto sample = evaluated("postgres", capture("postgres"));
    expect_values(sample, {{up, 1},
                           {connections_current, 7},
                           {connections_active, 1},
                           {connections_max, 50},
                           {operations_per_second, 179.5},
                           {transactions_per_second, 179.5},
                           {reads_per_second, 356.4},
                           {writes_per_second, 711.2},
                           {errors_per_second, 0},
                           {cache_hit_ratio, 0.9832446165013308},
                           {memory_limit_bytes, 33554432},
                           {storage_used_bytes, 46735060},
                           {deadlocks_per_second, 0}});
    expect_engine_values(sample, {{"locks", 3}, {"rollbacks_per_second", 0}});
}

TEST(mapping, matches_the_captured_pages_of_redis) {
    const auto sample = evaluated("redis", capture("redis"));
    expect_values(sample, {{up, 1},
                           {connections_current, 1},
                           {connections_max, 200},
                           {connections_per_second, 153.1},
                           {operations_per_second, 1504.6},
                           {reads_per_second, 501},
                           {writes_per_second, 1001},
                           {errors_per_second, 1},
                           {slow_operations_per_second, 0},
                           {latency_average_seconds, 1.2560148876777882e-06},
                           {cache_hit_ratio, 0.6742514970059881},
                           {memory_used_bytes, 2231328},
                           {memory_limit_bytes, 67108864},
                           {storage_used_bytes, 2164793},
                           {network_received_bytes_per_second, 157665.3},
                           {network_sent_bytes_per_second, 44783.2},
                           {replication_replicas, 0},
                           {replication_is_replica, 0},
                           {items, 4017},
                           {evictions_per_second, 0},
                           {uptime_seconds, 15}});
    expect_engine_values(sample, {{"cpu_cores", 0.0347551}});
}

TEST(mapping, matches_the_captured_pages_of_mariadb) {
    const auto sample = evaluated("mariadb", capture("mariadb"));
    expect_values(sample, {{up, 1},
                           {connections_current, 2},
                           {connections_active, 2},
                           {connections_max, 60},
                           {connections_per_second, 4.1},
                           {operations_per_second, 45},
                           {transactions_per_second, 8},
                           {reads_per_second, 3378.9},
                           {writes_per_second, 92},
                           {errors_per_second, 0},
                           {slow_operations_per_second, 4},
                           {latency_average_seconds, 0.01896795777777778},
                           {cache_hit_ratio, 1},
                           {memory_used_bytes, 344508800},
                           {memory_limit_bytes, 33554432},
                           {network_received_bytes_per_second, 1947.8},
                           {network_sent_bytes_per_second, 8460.1},
                           {replication_replicas, 0},
                           {replication_is_replica, 0},
                           {deadlocks_per_second, 0},
                           {uptime_seconds, 14}});
    expect_engine_values(sample, {{"selects_per_second", 8.3}});
}

TEST(mapping, reads_the_series_of_newer_postgres_exporters) {
    const std::string page =
        "pg_up 1\npg_replication_is_replica 1\npg_replication_lag_seconds 2.5\n"
        "pg_postmaster_start_time_seconds 1799999940\npg_wal_size_bytes 1.34217728e+08\n"
        "pg_stat_bgwriter_checkpoints_req_total 5\n";
    const auto sample = evaluated("postgres", {page});
    expect_values(sample, {{up, 1},
                           {replication_is_replica, 1},
                           {replication_lag_seconds, 2.5},
                           {uptime_seconds, 60}});
    expect_engine_values(sample, {{"wal_bytes", 134217728}});
    const auto primary =
        evaluated("postgres", {"pg_replication_is_replica 0\npg_replication_lag_seconds 0\n"});
    EXPECT_FALSE(primary.values.has(replication_lag_seconds)) << "0 means nothing on a primary";
}

TEST(mapping, reads_both_names_of_the_lag_of_mysql) {
    for (const std::string name : {"master", "source"}) {
        const auto sample =
            evaluated("mysql", {"mysql_up 1\nmysql_slave_status_seconds_behind_" + name +
                                "{channel_name=\"a\"} 3\nmysql_slave_status_seconds_behind_" +
                                name + "{channel_name=\"b\"} 9\nmysql_slave_status_" +
                                (name == "master" ? "slave" : "replica") + "_io_running 1\n"});
        expect_values(sample, {{up, 1}, {replication_lag_seconds, 9}, {replication_is_replica, 1}});
    }
    EXPECT_EQ(evaluated("mysql", {"mysql_up 1\n"}).values[replication_is_replica], 0);
    EXPECT_FALSE(evaluated("mysql", {"mysql_up 0\n"}).values.has(replication_is_replica));
    const auto secondary = evaluated(
        "mysql", {"mysql_up 1\nmysql_global_variables_read_only 1\n"
                  "mysql_perf_schema_replication_group_member_info{member_state=\"ONLINE\"} 1\n"
                  "mysql_perf_schema_replication_group_member_info{member_state=\"OFFLINE\"} 1\n"});
    EXPECT_EQ(secondary.values[replication_is_replica], 1);
    expect_engine_values(secondary, {{"group_members_online", 1}});
}

TEST(mapping, detects_a_redis_replica_and_omits_a_missing_limit) {
    const auto sample = evaluated("redis", {"redis_instance_info{role=\"slave\"} 1\n"
                                            "redis_master_link_up 1\n"
                                            "redis_master_last_io_seconds_ago 4\n"
                                            "redis_memory_max_bytes 0\n"});
    expect_values(sample, {{replication_is_replica, 1}, {replication_lag_seconds, 4}});
}

TEST(mapping, omits_the_lag_of_a_redis_replica_without_its_primary) {
    const auto sample = evaluated("redis", {"redis_instance_info{role=\"slave\"} 1\n"
                                            "redis_master_link_up 0\n"
                                            "redis_master_last_io_seconds_ago -1\n"});
    expect_values(sample, {{replication_is_replica, 1}});
    expect_engine_values(sample, {{"replication_link_up", 0}});
}

TEST(mapping, has_no_rate_of_slow_operations_after_slowlog_reset) {
    const double unknown = std::nan("");
    std::vector<std::string> pages;
    for (const auto& [id, rate] : {std::pair{90'000, unknown},
                                   {90'010, 1.0},
                                   {0, 0.0},
                                   {0, 0.0},
                                   {90'020, unknown},
                                   {90'050, 3.0}}) {
        pages.push_back(fmt::format("redis_slowlog_last_id {}\n", id));
        expect_values(evaluated("redis", pages),
                      std::isnan(rate) ? values{} : values{{slow_operations_per_second, rate}});
    }
}

std::string mongodb_page(int seconds) {
    return fmt::format(
        "mongodb_up{{cluster_role=\"mongod\"}} 1\n"
        "mongodb_ss_connections{{conn_type=\"current\"}} 12\n"
        "mongodb_ss_connections{{conn_type=\"available\"}} 88\n"
        "mongodb_ss_opcounters{{legacy_op_type=\"insert\"}} {0}\n"
        "mongodb_ss_opcounters{{legacy_op_type=\"query\"}} {1}\n"
        "mongodb_ss_opLatencies_latency{{op_type=\"reads\"}} {2}\n"
        "mongodb_ss_opLatencies_ops{{op_type=\"reads\"}} {1}\n"
        "mongodb_ss_metrics_document{{doc_op_type=\"returned\"}} {1}\n"
        "mongodb_ss_metrics_document{{doc_op_type=\"inserted\"}} {0}\n"
        "mongodb_ss_mem_resident 64\n"
        "mongodb_ss_wt_cache_maximum_bytes_configured 2.68435456e+08\n"
        "mongodb_ss_network_bytesIn {2}\nmongodb_ss_network_bytesOut {2}\n"
        "mongodb_ss_uptime 500\nmongodb_myState 1\n"
        "mongodb_members_state{{member_idx=\"a\"}} 1\nmongodb_members_state{{member_idx=\"b\"}} 2\n"
        "mongodb_members_state{{member_idx=\"c\"}} 2\n"
        "mongodb_members_optimeDate{{member_idx=\"a\"}} 1.8e+12\n"
        "mongodb_members_optimeDate{{member_idx=\"b\"}} 1.799999998e+12\n"
        "mongodb_dbstats_storageSize{{database=\"a\"}} 4096\n"
        "mongodb_dbstats_indexSize{{database=\"a\"}} 1024\n"
        "mongodb_dbstats_objects{{database=\"a\"}} 7\n"
        "mongodb_dbstats_objects{{database=\"local\"}} 90000\n",
        10 * seconds, 20 * seconds, 4000 * seconds);
}

TEST(mapping, reads_the_documented_series_of_mongodb) {
    const auto sample = evaluated("mongodb", {mongodb_page(1), mongodb_page(11)});
    expect_values(sample, {{up, 1},
                           {connections_current, 12},
                           {connections_max, 100},
                           {operations_per_second, 30},
                           {reads_per_second, 20},
                           {writes_per_second, 10},
                           {latency_average_seconds, 200e-6},
                           {memory_used_bytes, 64.0 * 1048576},
                           {memory_limit_bytes, 268435456},
                           {storage_used_bytes, 5120},
                           {network_received_bytes_per_second, 4000},
                           {network_sent_bytes_per_second, 4000},
                           {replication_replicas, 2},
                           {replication_lag_seconds, 2},
                           {replication_is_replica, 0},
                           {items, 7},
                           {uptime_seconds, 500}});
}

TEST(mapping, ignores_unreachable_mongodb_members_in_the_lag) {
    for (const std::string name : {"mongodb_members_optimeDate", "mongodb_rs_members_optimeDate"}) {
        const auto line = [&name](char member, std::string_view value) {
            return fmt::format("{}{{member_idx=\"{}\"}} {}\n", name, member, value);
        };
        const auto sample = evaluated(
            "mongodb", {line('a', "1.8e+12") + line('b', "1.799999998e+12") + line('c', "0")});
        expect_values(sample, {{replication_lag_seconds, 2}});
        expect_values(evaluated("mongodb", {line('a', "0") + line('b', "0")}), {});
    }
}

TEST(mapping, reads_the_documented_series_of_elasticsearch) {
    const auto page = [](int count) {
        return fmt::format(
            "elasticsearch_clusterinfo_up{{url=\"x\"}} 1\n"
            "elasticsearch_indices_docs{{name=\"n0\"}} "
            "10\nelasticsearch_indices_docs{{name=\"n1\"}} 5\n"
            "elasticsearch_indices_docs_total{{index=\"i\"}} 15\n"
            "elasticsearch_cluster_health_active_shards 2\n"
            "elasticsearch_cluster_health_active_primary_shards 2\n"
            "elasticsearch_indices_indexing_index_total{{name=\"n0\"}} {0}\n"
            "elasticsearch_indices_search_query_total{{name=\"n0\"}} {0}\n"
            "elasticsearch_indices_search_query_time_seconds{{name=\"n0\"}} {0}\n"
            "elasticsearch_indices_query_cache_count{{cache=\"hit\"}} {0}\n"
            "elasticsearch_indices_query_miss_count{{cache=\"miss\"}} {1}\n"
            "elasticsearch_jvm_memory_used_bytes{{area=\"heap\"}} 7\n"
            "elasticsearch_jvm_memory_used_bytes{{area=\"non-heap\"}} 9\n"
            "elasticsearch_jvm_uptime_seconds{{name=\"n0\"}} 90\n"
            "elasticsearch_cluster_health_status{{color=\"green\"}} 0\n"
            "elasticsearch_cluster_health_status{{color=\"yellow\"}} 1\n",
            count, 3 * count);
    };
    const auto sample = evaluated("elasticsearch", {page(100), page(200)});
    expect_values(sample, {{up, 1},
                           {operations_per_second, 20},
                           {reads_per_second, 10},
                           {writes_per_second, 10},
                           {latency_average_seconds, 1},
                           {cache_hit_ratio, 0.25},
                           {memory_used_bytes, 7},
                           {items, 15},
                           {uptime_seconds, 90}});
    expect_engine_values(sample, {{"health_green", 0}, {"health_yellow", 1}});
}

// Two nodes, one index with two shards, one replica of each: 4 shards, 2 of them primaries.
std::string elasticsearch_page(int seconds, std::string_view documents) {
    return fmt::format(
        "elasticsearch_cluster_health_active_shards{{cluster=\"c\"}} 4\n"
        "elasticsearch_cluster_health_active_primary_shards{{cluster=\"c\"}} 2\n"
        "elasticsearch_indices_docs{{name=\"n0\"}} 100\n"
        "elasticsearch_indices_docs{{name=\"n1\"}} 100\n{1}"
        "elasticsearch_indices_indexing_index_total{{name=\"n0\"}} {0}\n"
        "elasticsearch_indices_indexing_index_total{{name=\"n1\"}} {0}\n"
        "elasticsearch_indices_search_query_total{{name=\"n0\"}} {0}\n"
        "elasticsearch_indices_search_query_total{{name=\"n1\"}} {0}\n"
        "elasticsearch_indices_get_total{{name=\"n0\"}} {0}\n"
        "elasticsearch_indices_get_total{{name=\"n1\"}} 0\n"
        "elasticsearch_indices_store_size_bytes{{name=\"n0\"}} 5000\n"
        "elasticsearch_indices_store_size_bytes{{name=\"n1\"}} 5000\n",
        seconds, documents);
}

TEST(mapping, counts_documents_of_elasticsearch_once_for_all_copies) {
    for (const auto* documents :
         {"", "elasticsearch_indices_docs_primary{index=\"i\"} 100\n",
          "elasticsearch_indices_shards_docs{primary=\"true\",shard=\"0\"} 60\n"
          "elasticsearch_indices_shards_docs{primary=\"true\",shard=\"1\"} 40\n"
          "elasticsearch_indices_shards_docs{primary=\"false\",shard=\"0\"} 60\n"
          "elasticsearch_indices_shards_docs{primary=\"false\",shard=\"1\"} 40\n"}) {
        const auto sample = evaluated(
            "elasticsearch", {elasticsearch_page(0, documents), elasticsearch_page(10, documents)});
        expect_values(sample, {{operations_per_second, 4},  // 1 + 2 + 1
                               {reads_per_second, 3},
                               {writes_per_second, 1},
                               {storage_used_bytes, 10000},
                               {items, 100}});
        expect_engine_values(sample, {{"indexed_per_second", 1}, {"searches_per_second", 2}});
    }
}

TEST(mapping, counts_nothing_in_an_empty_cluster_of_elasticsearch) {
    const std::string page =
        "elasticsearch_cluster_health_active_shards 0\n"
        "elasticsearch_cluster_health_active_primary_shards 0\n"
        "elasticsearch_indices_docs{name=\"n0\"} 0\n"
        "elasticsearch_indices_indexing_index_total{name=\"n0\"} 0\n"
        "elasticsearch_indices_search_query_total{name=\"n0\"} 0\n";
    const auto sample = evaluated("elasticsearch", {page, page});
    expect_values(
        sample,
        {{operations_per_second, 0}, {reads_per_second, 0}, {writes_per_second, 0}, {items, 0}});
}

TEST(mapping, reports_no_indexing_without_the_number_of_copies) {
    const auto page = [](int count) {
        return fmt::format(
            "elasticsearch_indices_docs 15\nelasticsearch_indices_indexing_index_total {0}\n"
            "elasticsearch_indices_search_query_total {0}\n",
            count);
    };
    expect_values(evaluated("elasticsearch", {page(0), page(50)}), {{reads_per_second, 5}});
}

TEST(mapping, reports_one_thread_of_one_channel_that_stopped) {
    const auto sample =
        evaluated("mariadb", {"mysql_up 1\n"
                              "mysql_slave_status_slave_io_running{connection_name=\"a\"} 1\n"
                              "mysql_slave_status_slave_io_running{connection_name=\"b\"} 0\n"
                              "mysql_slave_status_slave_sql_running{connection_name=\"a\"} 1\n"
                              "mysql_slave_status_slave_sql_running{connection_name=\"b\"} 1\n"});
    expect_engine_values(sample, {{"replication_threads_running", 1}});
}

TEST(mapping, reports_up_as_one_for_several_targets_on_a_page) {
    const auto sample = evaluated("postgres", {"pg_up{server=\"a\"} 1\npg_up{server=\"b\"} 1\n"});
    expect_values(sample, {{up, 1}});
}

TEST(mapping, reads_the_series_of_memcached) {
    const auto page = [](int count) {
        return fmt::format(
            "memcached_up 1\nmemcached_current_connections 4\nmemcached_max_connections 200\n"
            "memcached_commands_total{{command=\"get\",status=\"hit\"}} {0}\n"
            "memcached_commands_total{{command=\"get\",status=\"miss\"}} {1}\n"
            "memcached_commands_total{{command=\"delete\",status=\"hit\"}} {0}\n"
            "memcached_commands_total{{command=\"set\",status=\"hit\"}} {0}\n"
            "memcached_current_items 9\nmemcached_uptime_seconds 38\n",
            count, 3 * count);
    };
    const auto sample = evaluated("memcached", {page(10), page(20)});
    expect_values(sample, {{up, 1},
                           {connections_current, 4},
                           {connections_max, 200},
                           {operations_per_second, 6},
                           {reads_per_second, 4},
                           {writes_per_second, 2},
                           {cache_hit_ratio, 0.25},
                           {items, 9},
                           {uptime_seconds, 38}});
}

TEST(mapping, finds_openmetrics_counters_but_not_gauges_without_their_suffix) {
    const auto page = [](int count) {
        return fmt::format(
            "elasticsearch_indices_docs_primary 15\nelasticsearch_indices_docs_primary_total 15\n"
            "elasticsearch_thread_pool_rejected_count_total {}\n# EOF\n",
            count);
    };
    const auto sample = evaluated("elasticsearch", {page(0), page(50)}, page_format::openmetrics);
    expect_values(sample, {{items, 15}, {errors_per_second, 5}});
}

TEST(mapping, skips_values_that_are_not_finite) {
    const auto sample =
        evaluated("redis", {"redis_db_keys{db=\"0\"} NaN\nredis_db_keys{db=\"1\"} 5\n"
                            "redis_uptime_in_seconds +Inf\n"});
    expect_values(sample, {{items, 5}});
}

TEST(mapping, omits_a_sum_beyond_the_range_of_a_double) {
    const auto sample = evaluated("redis", {"redis_connected_clients 3\n"
                                            "redis_db_keys{db=\"0\"} 1e308\n"
                                            "redis_db_keys{db=\"1\"} 1e308\n"});
    expect_values(sample, {{connections_current, 3}});
}

TEST(mapping, compares_label_values_unescaped) {
    const auto sample =
        evaluated("postgres", {"pg_stat_activity_count{x=\"a\\\"b\",state=\"active\"} 2\n"
                               "pg_stat_activity_count{state=\"act\\\\ive\"} 5\n"});
    expect_values(sample, {{connections_active, 2}});
}

TEST(mapping, has_valid_tables) {
    for (const auto& table : engine_tables()) {
        std::set<std::string_view> names;
        for (const auto& rule : table.rules) {
            EXPECT_FALSE(rule.top[0].name.empty()) << table.engine;
            const bool engine_metric = rule.id == metric_id::count_;
            EXPECT_EQ(rule.name.empty(), !engine_metric) << table.engine;
            if (engine_metric) names.insert(rule.name);
        }
        EXPECT_LE(names.size(), engine_metrics_max) << table.engine;
    }
    EXPECT_EQ(find_plan("oracle"), nullptr);
}

TEST(mapping, sorts_engine_metrics_by_name) {
    const auto sample = evaluated("redis", capture("redis"));
    EXPECT_GE(sample.engine_metrics.size(), 10u);
    EXPECT_TRUE(std::ranges::is_sorted(sample.engine_metrics));
}

// Pages named <engine>-....prom or <engine>_replica-....prom in the folder of
// DBAAS_EXPORTER_PAGES.
TEST(mapping, reads_the_pages_of_a_given_folder) {
    const char* const folder = std::getenv("DBAAS_EXPORTER_PAGES");
    if (folder == nullptr || *folder == '\0')
        GTEST_SKIP() << "DBAAS_EXPORTER_PAGES names no folder of pages";
    std::size_t mapped = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".prom") continue;
        const auto text = file_text(entry.path());
        page_reader reader;
        reader.open(text, page_format::text);
        sample line;
        std::size_t samples = 0;
        while (reader.next(line)) ++samples;
        const auto end = reader.finish();
        EXPECT_TRUE(end) << entry.path() << ": " << end.error().text;
        EXPECT_GT(samples, 10u) << entry.path();
        const auto name = entry.path().filename().string();
        const auto engine = name.substr(0, name.find_first_of("-_"));
        if (find_plan(engine) == nullptr) continue;
        const auto read = evaluated(engine, {text});
        EXPECT_EQ(read.values[up], 1) << name;
        // The exporters of Elasticsearch and of FerretDB report no client connections.
        const bool connections =
            engine != "elasticsearch" && engine != "opensearch" && engine != "mongodb";
        EXPECT_EQ(read.values.has(connections_current), connections) << name;
        ++mapped;
    }
    EXPECT_GT(mapped, 0u) << folder;
}

}  // namespace
}  // namespace scrape
