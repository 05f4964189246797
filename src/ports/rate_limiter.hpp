#pragma once
// Rate limits that all replicas of the platform share. Adapter: redis. Fake:
// test/support/fake_rate_limiter.hpp. Thread: the loop that the adapter was created with.

#include <string>

#include "aio/task.hpp"
#include "domain/rate_limit.hpp"

namespace ports {

class rate_limiter {
  public:
    rate_limiter() = default;
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;
    virtual ~rate_limiter() = default;

    // Counts one request of the caller `key` and decides about it, as domain::next_step() does.
    // Ends within 250 ms. Errors: unavailable, timed_out; the request may be counted.
    virtual aio::task<domain::rate_step> admit(std::string key, domain::rate_quota quota) = 0;
};

}  // namespace ports
