#include "kube/retry.hpp"

#include <algorithm>

namespace kube {

bool is_retryable(unsigned status, const base::failure& failure, bool is_idempotent) {
    if (status == 429) return true;
    if (status == 503) return is_idempotent || failure.retry_after;
    return status == 500 && is_idempotent && failure.retry_after;
}

std::chrono::milliseconds wait_before_retry(aio::backoff& waits, const base::failure& failure,
                                            std::chrono::milliseconds max) {
    const std::chrono::milliseconds retry_after =
        failure.retry_after.value_or(std::chrono::seconds(0));
    return std::min(retry_after, max) + waits.next();
}

}  // namespace kube
