#include "kubedb/engine_table.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"

namespace kubedb {
namespace {

using enum topology_style;

constexpr std::array table{
    engine_kind{"postgres", "Postgres", "postgreses", "postgres", postgres, "postgres", "replicas",
                "postgres", 5432, "postgresql", "postgres"},
    engine_kind{"mysql", "MySQL", "mysqls", "mysql", group, "mysql", "member", "mysql", 3306,
                "mysql", ""},
    engine_kind{"mariadb", "MariaDB", "mariadbs", "mariadb", galera, "mariadb", "member", "mariadb",
                3306, "mysql", ""},
    engine_kind{"mongodb", "MongoDB", "mongodbs", "mongodb", replica_set, "replicaSet", "replicas",
                "replicaSet", 27017, "mongodb", "admin"},
    engine_kind{"redis", "Redis", "redises", "redis", redis, "redis", "replicas", "redis", 6379,
                "redis", "0", true, true,
                companion_kind{"RedisSentinel", "redissentinels", "-sentinel", "redissentinel"}},
    engine_kind{"elasticsearch", "Elasticsearch", "elasticsearches", "elasticsearch", replicas,
                "node", "node", "node", 9200, "http", ""},
    engine_kind{"memcached", "Memcached", "memcacheds", "memcached", replicas, "memcached",
                "replicas", "", 11211, "memcached", "", true, false},
};

}  // namespace

std::string engine_kind::ops_plural() const {
    return base::lower(kind) + "opsrequests";
}
std::string engine_kind::version_plural() const {
    return base::lower(kind) + "versions";
}

std::span<const engine_kind> all_kinds() noexcept {
    return table;
}
const engine_kind* find_kind(std::string_view engine) noexcept {
    const auto it = std::ranges::find(table, engine, &engine_kind::engine);
    return it == table.end() ? nullptr : &*it;
}
const engine_kind* kind_of_plural(std::string_view plural) noexcept {
    const auto it = std::ranges::find(table, plural, &engine_kind::plural);
    return it == table.end() ? nullptr : &*it;
}

}  // namespace kubedb
