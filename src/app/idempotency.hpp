#pragma once
// The answers to writes that carried an Idempotency-Key, kept for a day so that a repetition gets
// the first answer. Kept in the store; requests that have not been answered yet are known in
// memory. After draft-ietf-httpapi-idempotency-key-header. Lives on the control loop.

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

    // Failures: invalid (key over 128 bytes), unavailable, corrupt.
    aio::task<idempotency_ticket> begin(std::string key, std::string payload);
    // Failures: unavailable: the answer is not kept, a repetition runs again.
    aio::task<> finish(std::string key, stored_response answer);
    void abandon(const std::string& key);
    // Removes answers that are older than a day.
    aio::task<> purge();

  private:
    struct open_request {
        std::string payload;
        ports::revision replaces = 0;  // an expired answer's
    };
    ports::document_store& store_;
    const base::clock& clock_;
    std::unordered_map<std::string, open_request> open_;
};

}  // namespace app
