#include "devcluster/synthetic/pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scrape/mapping.hpp"

namespace synthetic {
namespace {

// Families that the platform ignores, with the counts, names and labels of real exporters.
struct padding {
    std::string_view engine;
    std::string_view prefix;
    std::string_view label;  // empty: a family per word; else one family with a series per word
    int words = 0;
    bool grows = false;
};

constexpr padding paddings[] = {
    {"postgres", "pg_settings_", "", 230, false},
    {"postgres", "pg_stat_user_tables_seq_scan", "relname", 40, true},
    {"postgres", "pg_stat_user_tables_n_live_tup", "relname", 40, false},
    {"postgres", "pg_stat_user_tables_n_dead_tup", "relname", 40, false},
    {"postgres", "pg_statio_user_tables_heap_blocks_read", "relname", 40, true},
    {"postgres", "pg_stat_bgwriter_", "", 11, true},
    {"mysql", "mysql_global_status_", "", 240, true},
    {"mysql", "mysql_global_variables_", "", 330, false},
    {"mysql", "mysql_info_schema_innodb_metrics_", "", 60, true},
    {"mariadb", "mysql_global_status_", "", 260, true},
    {"mariadb", "mysql_global_variables_", "", 350, false},
    {"mongodb", "mongodb_ss_metrics_commands_", "", 240, true},
    {"mongodb", "mongodb_ss_wt_", "", 330, true},
    {"mongodb", "mongodb_oplog_stats_", "", 40, false},
    {"redis", "redis_commands_total", "cmd", 60, true},
    {"redis", "redis_commands_duration_seconds_total", "cmd", 60, true},
    {"redis", "redis_", "", 150, false},
    {"elasticsearch", "elasticsearch_indices_stats_total", "index", 120, true},
    {"elasticsearch", "elasticsearch_indices_docs", "index", 120, false},
    {"elasticsearch", "elasticsearch_thread_pool_queue_count", "type", 50, false},
    {"elasticsearch", "elasticsearch_breakers_tripped", "breaker", 40, true},
    {"elasticsearch", "elasticsearch_jvm_", "", 40, false},
    {"memcached", "memcached_slab_commands_total", "slab", 160, true},
    {"memcached", "memcached_slab_items", "slab", 80, false},
    {"memcached", "memcached_", "", 40, true},
};

constexpr std::string_view nouns[] = {"buffer", "cache",   "checkpoint",  "connection", "cursor",
                                      "data",   "index",   "lock",        "log",        "memory",
                                      "page",   "query",   "row",         "session",    "table",
                                      "thread", "timeout", "transaction", "worker"};
constexpr std::string_view measures[] = {
    "bytes", "count",   "created", "evicted", "free", "limit", "max",  "min",   "missed",
    "open",  "pending", "read",    "reused",  "size", "total", "used", "waits", "writes"};

std::string word(int number) {
    const auto index = static_cast<std::size_t>(number);
    return fmt::format("{}_{}", nouns[index % std::size(nouns)],
                       measures[index / std::size(nouns) % std::size(measures)]);
}

bool is_counted(const scrape::rule& rule) {
    using scrape::rule_kind;
    return rule.kind == rule_kind::rate || rule.kind == rule_kind::ratio ||
           rule.kind == rule_kind::share || rule.kind == rule_kind::complement;
}

std::string label_pair(std::string_view name, std::string_view value) {
    return name.empty() ? "" : fmt::format("{}=\"{}\"", name, value);
}

}  // namespace

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    auto mixed = a + 0x9E3779B97F4A7C15ULL * (b + 1);
    mixed = (mixed ^ mixed >> 30U) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ mixed >> 27U) * 0x94D049BB133111EBULL;
    return mixed ^ mixed >> 31U;
}

double fraction(std::uint64_t mixed) noexcept {
    return static_cast<double>(mixed >> 11U) * 0x1.0p-53;
}

page_template::page_template(std::string_view engine) {
    line("process_start_time_seconds", "", motion::instant, 1);
    line("process_cpu_seconds_total", "", motion::grows, 0.02);
    line("process_resident_memory_bytes", "", motion::swings, 2e7);
    add_mapped(engine);
    add_padding(engine);
    text_ += '\n';
}

void page_template::head(std::string_view name, motion kind) {
    fmt::format_to(std::back_inserter(text_), "{}# HELP {} {}\n# TYPE {} {}\n",
                   text_.empty() ? "" : "\n", name, "As the engine counts it.", name,
                   kind == motion::grows ? "counter" : "gauge");
}

// Starts a family with its head. A value and a newline end each line, so the text before a value
// begins with the newline of the previous line.
void page_template::line(std::string_view name, std::string_view labels, motion kind,
                         double scale) {
    if (families_.emplace(name).second) {
        head(name, kind);
    } else {
        text_ += '\n';
    }
    text_ += name;
    if (!labels.empty()) fmt::format_to(std::back_inserter(text_), "{{{}}}", labels);
    text_ += ' ';
    slots_.push_back(
        {.text_end = text_.size(), .kind = kind, .scale = scale, .salt = slots_.size()});
}

void page_template::add_mapped(std::string_view engine) {
    // Grouped by family, as in a page: name -> labels -> motion.
    struct member {
        motion kind;
        double scale;
    };
    std::map<std::string, std::map<std::string, member>> families;
    const auto add = [&](const scrape::series& each, const scrape::rule& rule) {
        if (each.name.empty()) return;
        const bool compares = each.aggregate == scrape::aggregation::equals;
        const auto kind = rule.kind == scrape::rule_kind::age  ? motion::instant
                          : is_counted(rule)                   ? motion::grows
                          : compares                           ? motion::constant
                          : rule.id == domain::metric_id::up   ? motion::constant
                          : each.name.ends_with("_is_replica") ? motion::constant
                                                               : motion::swings;
        const double scale = rule.id == domain::metric_id::up ? 1
                             : kind == motion::constant       ? 0
                             : kind == motion::grows          ? 40
                                                              : 1000;
        auto values = each.excludes ? std::string("app") : std::string(each.values);
        if (each.label.empty()) {
            families[std::string(each.name)].try_emplace("", member{kind, scale});
        }
        while (!each.label.empty() && !values.empty()) {
            const auto bar = values.find('|');
            auto labels = label_pair(each.label, values.substr(0, bar));
            if (!each.second_label.empty()) {
                labels += ',' + label_pair(each.second_label, each.second_value);
            }
            families[std::string(each.name)].try_emplace(std::move(labels), member{kind, scale});
            values = bar == std::string::npos ? "" : values.substr(bar + 1);
        }
    };
    for (const auto& table : scrape::engine_tables()) {
        if (table.engine != engine) continue;
        for (const auto& each : {table.copies.all, table.copies.primaries}) {
            if (each.name.empty()) continue;
            families[std::string(each.name)].try_emplace("", member{motion::constant, 3});
        }
        for (const auto& rule : table.rules) {
            if (rule.id == domain::metric_id::up && up_.empty()) up_ = rule.top[0].name;
            for (const auto& each : rule.top) add(each, rule);
            for (const auto& each : rule.bottom) add(each, rule);
        }
    }
    for (const auto& [name, members] : families) {
        // A family with labels has no series without labels.
        const bool has_labels = members.size() > 1;
        for (const auto& [labels, how] : members) {
            if (has_labels && labels.empty()) continue;
            line(name, labels, how.kind, how.scale);
        }
    }
}

void page_template::add_padding(std::string_view engine) {
    for (const auto& each : paddings) {
        if (each.engine != engine) continue;
        const auto kind = each.grows ? motion::grows : motion::swings;
        for (int number = 0; number < each.words; ++number) {
            if (!each.label.empty()) {
                line(each.prefix, label_pair(each.label, word(number)), kind, 10);
                continue;
            }
            const auto name = std::string(each.prefix) + word(number);
            if (!families_.contains(name)) line(name, "", kind, each.grows ? 10 : 1e6);
        }
    }
}

std::string page_template::page(std::uint64_t database, double seconds) const {
    std::string page;
    page.reserve(text_.size() + slots_.size() * 12);
    std::size_t start = 0;
    for (const auto& each : slots_) {
        page.append(text_, start, each.text_end - start);
        start = each.text_end;
        const auto mixed = mix(database, each.salt);
        const double own = 0.5 + fraction(mixed);
        switch (each.kind) {
            case motion::constant:
                page += each.scale == 0 ? '0' : '1';
                break;
            case motion::instant: {
                // An instant in the hundred days before.
                constexpr double days = 8'640'000;
                fmt::format_to(std::back_inserter(page), "{}",
                               static_cast<std::int64_t>(1'700'000'000 - days * own));
                break;
            }
            case motion::grows:
                fmt::format_to(std::back_inserter(page), "{}",
                               static_cast<std::uint64_t>(each.scale * own * seconds +
                                                          1e6 * fraction(mix(mixed, 1))));
                break;
            case motion::swings: {
                const double period = 60 + 600 * fraction(mix(mixed, 2));
                const double turn = std::fmod(seconds / period + own, 1.0);
                const double height = std::abs(turn - 0.5);  // a triangle: 0 to 0.5
                fmt::format_to(std::back_inserter(page), "{}",
                               static_cast<std::int64_t>(each.scale * own * (0.75 + height)));
                break;
            }
        }
    }
    page.append(text_, start, std::string::npos);
    return page;
}

std::string page_template::page_of_unavailable() const {
    return fmt::format("# HELP {0} Whether the server responds.\n# TYPE {0} gauge\n{0} 0\n", up_);
}

}  // namespace synthetic
