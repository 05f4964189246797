#pragma once
// Idempotency keys of writes: a repeated request gets the first response. All functions run on the
// control loop.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "aio/task.hpp"
#include "app/commands.hpp"

namespace app {

// A response that is stored for a repeated request.
struct stored_response {
    unsigned status = 0;
    std::map<std::string, std::string> headers;  // Location, ETag, Content-Type
    std::string body;
};
inline constexpr std::chrono::hours idempotency_kept_for{24};
enum class idempotency_verdict : std::uint8_t { first, replay, in_progress, other_payload };
struct idempotency_ticket {
    idempotency_verdict verdict = idempotency_verdict::first;
    // A replay has one of both: the first response, or what it accepted if it was not stored.
    std::optional<stored_response> answer{};
    std::optional<accepted> done{};
};

class idempotency_keys {
  public:
    virtual ~idempotency_keys() = default;
    // Begins a request with an Idempotency-Key. `key` includes the caller's subject; `payload` is a
    // digest of method, path and body. The record alone identifies a write with an operation for a
    // day, while the record holds the operation (docs/adr/0003). Errors: invalid (key over 128
    // bytes), unavailable, corrupt.
    virtual aio::task<idempotency_ticket> begin_idempotent(std::string key,
                                                           std::string payload) = 0;
    // Stores the response. Errors: unavailable (not stored; a repeated request runs again).
    virtual aio::task<void> finish_idempotent(std::string key, stored_response response) = 0;
    // Releases the key of a write that failed in a way that may be retried.
    virtual aio::task<void> abandon_idempotent(std::string key) = 0;
};

}  // namespace app
