#pragma once
// ports::rate_limiter over Redis: one Lua script per request, with the clock of the server, so that
// the clocks of the replicas do not matter. A key has a hash tag, so its state is in one slot of a
// Cluster. After a failure, calls fail at once for `pause`. Thread: the loop of the client, which
// must outlive the limiter.

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "ports/rate_limiter.hpp"
#include "redis/redis_client.hpp"

namespace redis {

struct rate_limiter_options {
    std::string key_prefix = "dbaas:limit:";
    std::chrono::milliseconds timeout{250};  // of one call
    std::chrono::milliseconds pause{1000};
};

std::unique_ptr<ports::rate_limiter> make_rate_limiter(redis_client& client,
                                                       const base::clock& clock,
                                                       rate_limiter_options options = {});

// The script and its SHA-1 in hexadecimal, by which EVALSHA names it.
extern const std::string_view rate_limit_script;
extern const std::string_view rate_limit_script_sha1;

}  // namespace redis
