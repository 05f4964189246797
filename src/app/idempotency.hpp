#pragma once
// The responses to writes with an Idempotency-Key. The store keeps them for a day, so that a
// repeated request gets the first response. Requests in flight are known in memory only. Follows
// draft-ietf-httpapi-idempotency-key-header. Lives on the control loop.

#include <chrono>
#include <string>
#include <unordered_map>

#include "app/platform.hpp"
#include "base/clock.hpp"
#include "ports/document_store.hpp"

namespace app {

class idempotency_ledger {
  public:
    idempotency_ledger(ports::document_store& store, const base::clock& clock)
        : store_(store), clock_(clock) {}

    // Errors: invalid (key over 128 bytes), unavailable, corrupt.
    aio::task<idempotency_ticket> begin(std::string key, std::string payload);
    // Stores the response. Errors: unavailable (not stored; a repeated request runs again).
    aio::task<> finish(std::string key, stored_response response);
    void abandon(const std::string& key);
    // Deletes responses that are older than a day.
    aio::task<> purge();

  private:
    struct open_request {
        std::string payload;
        ports::revision replaces = 0;  // revision of an expired response
    };
    ports::document_store& store_;
    const base::clock& clock_;
    std::unordered_map<std::string, open_request> open_;
};

}  // namespace app
