#pragma once
// A byte cache with expiry. An entry may be evicted at any time. Adapters: inproc (one process),
// redis (shared by all replicas). Contract suite: test/support/cache_contract.hpp. All functions
// may fail with timed_out as well. An unconfirmed write may have been applied.
// Thread: the loop that the adapter was created with.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"

namespace ports {

class cache {
  public:
    cache() = default;
    cache(const cache&) = delete;
    cache& operator=(const cache&) = delete;
    virtual ~cache() = default;

    // Returns nullopt if the key is absent or expired. Errors: unavailable.
    virtual aio::task<std::optional<std::string>> get(std::string key) = 0;
    // Returns one value per key, in order, in one round trip. Errors: limit (over 1,000 keys),
    // unavailable.
    virtual aio::task<std::vector<std::optional<std::string>>> get_many(
        std::vector<std::string> keys) = 0;
    // Writes or replaces the entry. Errors: limit (value over 1 MiB), unavailable.
    virtual aio::task<void> put(std::string key, std::string value,
                                std::chrono::seconds time_to_live) = 0;
    // Returns true if this call created the entry. Errors: limit, unavailable.
    virtual aio::task<bool> put_if_absent(std::string key, std::string value,
                                          std::chrono::seconds time_to_live) = 0;
    // Deletes the entry. No-op if it is absent. Errors: unavailable.
    virtual aio::task<void> remove(std::string key) = 0;
    [[nodiscard]] virtual bool is_connected() const noexcept = 0;
    // Returns true if the cache is in this process; readiness then reports "embedded".
    [[nodiscard]] virtual bool is_embedded() const noexcept = 0;
};

}  // namespace ports
