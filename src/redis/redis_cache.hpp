#pragma once
// ports::cache over Redis. Keys have a prefix. Thread: the loop of the client, which must outlive
// the cache.

#include <memory>
#include <string>

#include "ports/cache.hpp"
#include "redis/redis_client.hpp"

namespace redis {

struct cache_options {
    std::string key_prefix = "dbaas:";
};

std::unique_ptr<ports::cache> make_cache(redis_client& client, cache_options options = {});

}  // namespace redis
