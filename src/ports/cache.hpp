#pragma once
// A byte cache with expiry, shared by replicas where Redis is used (later) and in process otherwise
// (inproc). A cache may forget anything at any time. Contract suite:
// test/support/cache_contract.hpp.

#include <chrono>
#include <optional>
#include <string>

#include "aio/task.hpp"

namespace ports {

class cache {
  public:
    cache() = default;
    cache(const cache&) = delete;
    cache& operator=(const cache&) = delete;
    virtual ~cache() = default;

    // Nothing when absent or expired. Failures: unavailable.
    virtual aio::task<std::optional<std::string>> get(std::string key) = 0;
    // Failures: limit (value over 1 MiB), unavailable.
    virtual aio::task<void> put(std::string key, std::string value,
                                std::chrono::seconds time_to_live) = 0;
    // True when this call created the key: the primitive for idempotency keys. Failures: limit,
    // unavailable.
    virtual aio::task<bool> put_if_absent(std::string key, std::string value,
                                          std::chrono::seconds time_to_live) = 0;
    virtual aio::task<void> remove(std::string key) = 0;
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
    // True when the part lives in this process (readiness says "embedded").
    [[nodiscard]] virtual bool is_embedded() const noexcept = 0;
};

}  // namespace ports
