#pragma once
// Decides whether a call is retried, and after which delay. Pure.

#include <chrono>

#include "aio/aio.hpp"
#include "base/failure.hpp"

namespace kube {

// Returns whether a retry after this response is safe. Only 429 and a 503 with Retry-After show
// that the server has not started the request. After other responses a write may have taken effect.
[[nodiscard]] bool is_retryable(unsigned status, const base::failure& failure, bool is_idempotent);

// Returns Retry-After (at most `max`) plus the next delay of `waits`. The jitter spreads clients
// that were throttled at the same time.
[[nodiscard]] std::chrono::milliseconds wait_before_retry(aio::backoff& waits,
                                                          const base::failure& failure,
                                                          std::chrono::milliseconds max);

}  // namespace kube
