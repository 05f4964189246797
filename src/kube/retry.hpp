#pragma once
// Whether a call is sent again, and after which wait. Pure.

#include <chrono>

#include "aio/aio.hpp"
#include "base/failure.hpp"

namespace kube {

// Whether the API server has answered so that another try does no harm. Only 429, and a 503 that
// says when to come again, mean that it has not begun; after anything else a write may have been
// done ("may still be processing the request", a proxy that lost its server).
[[nodiscard]] bool is_retryable(unsigned status, const base::failure& failure, bool is_idempotent);

// What the server asks for (at most `most`), and the next of `waits` on top: those who were turned
// away together do not come back together.
[[nodiscard]] std::chrono::milliseconds wait_before_retry(aio::backoff& waits,
                                                          const base::failure& failure,
                                                          std::chrono::milliseconds max);

}  // namespace kube
