#include "scrape/engine_rules.hpp"

#include <array>

namespace scrape {

std::span<const engine_table> engine_tables() noexcept {
    static const std::array tables{
        engine_table{.engine = "postgres", .rules = postgres_rules()},
        engine_table{.engine = "mysql", .rules = mysql_rules()},
        engine_table{.engine = "mariadb", .rules = mysql_rules()},
        engine_table{.engine = "redis", .rules = redis_rules()},
        engine_table{.engine = "valkey", .rules = redis_rules()},
        engine_table{.engine = "mongodb", .rules = mongodb_rules()},
        engine_table{.engine = "elasticsearch",
                     .rules = elasticsearch_rules(),
                     .copies = elasticsearch_copies()},
        engine_table{.engine = "opensearch",
                     .rules = elasticsearch_rules(),
                     .copies = elasticsearch_copies()},
        engine_table{.engine = "memcached", .rules = memcached_rules()},
    };
    return tables;
}

}  // namespace scrape
