#include "kube/retry.hpp"

#include <algorithm>

namespace kube {

bool may_be_repeated(unsigned status, const base::failure& why, bool is_idempotent) {
    if (status == 429) return true;
    if (status == 503) return is_idempotent || why.retry_after;
    return status == 500 && is_idempotent && why.retry_after;
}

std::chrono::milliseconds wait_before_retry(aio::backoff& waits, const base::failure& why,
                                            std::chrono::milliseconds most) {
    const std::chrono::milliseconds asked_for = why.retry_after.value_or(std::chrono::seconds(0));
    return std::min(asked_for, most) + waits.next();
}

}  // namespace kube
