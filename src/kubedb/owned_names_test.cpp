#include "kubedb/owned_names.hpp"

#include <gtest/gtest.h>

#include "kubedb/engine_dialect.hpp"

namespace kubedb {
namespace {

bool is_owned(std::string_view engine, std::string_view database, std::string kind,
              std::string name) {
    return is_owned_name(find_dialect(engine)->kind(), database,
                         {.kind = std::move(kind), .ns = "dbaas-shop", .name = std::move(name)});
}

TEST(owned_names, accept_the_names_that_kubedb_gives) {
    for (const auto& [kind, name] : {
             std::pair{"Redis", "cache"},
             std::pair{"RedisSentinel", "cache-sentinel"},
             std::pair{"Pod", "cache-0"},
             std::pair{"Pod", "cache-shard12-1"},
             std::pair{"Pod", "cache-sentinel-2"},
             std::pair{"PersistentVolumeClaim", "data-cache-0"},
             std::pair{"PersistentVolumeClaim", "data-cache-shard0-1"},
             std::pair{"PetSet", "cache"},
             std::pair{"StatefulSet", "cache-shard0"},
             std::pair{"PodDisruptionBudget", "cache"},
             std::pair{"Service", "cache"},
             std::pair{"Service", "cache-stats"},
             std::pair{"Service", "cache-shard0-pods"},
             std::pair{"Secret", "cache-auth"},
             std::pair{"AppBinding", "cache"},
         }) {
        EXPECT_TRUE(is_owned("redis", "cache", kind, name)) << kind << " " << name;
    }
    EXPECT_TRUE(is_owned("mongodb", "docs", "PersistentVolumeClaim", "datadir-docs-configsvr-0"));
    EXPECT_TRUE(is_owned("mongodb", "docs", "Pod", "docs-shard0-arbiter-0"));
}

TEST(owned_names, reject_names_of_other_objects) {
    for (const auto& [kind, name] : {
             std::pair{"Redis", "cache-b"},
             std::pair{"RedisSentinel", "cache"},
             std::pair{"Pod", "cache"},
             std::pair{"Pod", "cache-b-0"},
             std::pair{"Pod", "cache-shard-0"},
             std::pair{"Pod", "cache2-0"},
             std::pair{"Pod", "cache-0x"},
             std::pair{"Pod", "data-cache-0"},
             std::pair{"PersistentVolumeClaim", "cache"},
             std::pair{"PersistentVolumeClaim", "data-cache-b-0"},
             std::pair{"PersistentVolumeClaim", "data-data-cache-0"},
             std::pair{"PetSet", "cache-b"},
             std::pair{"Service", "cache-b-pods"},
             std::pair{"Secret", "cache-b-auth"},
             std::pair{"Job", "cache"},
             std::pair{"Postgres", "cache"},
         }) {
        EXPECT_FALSE(is_owned("redis", "cache", kind, name)) << kind << " " << name;
    }
    EXPECT_FALSE(is_owned("postgres", "cache", "Pod", "cache-shard0-0"));
}

}  // namespace
}  // namespace kubedb
