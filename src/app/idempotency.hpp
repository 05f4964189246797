#pragma once
// The responses to writes with an Idempotency-Key. The store keeps them for a day, so that a
// repeated request gets the first response. The record replaces a response that was not stored.
// Requests in flight are known in memory only. Follows draft-ietf-httpapi-idempotency-key-header.
// Lives on the control loop.

#include <chrono>
#include <string>
#include <unordered_map>

#include "app/idempotency_keys.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "base/clock.hpp"
#include "ports/document_store.hpp"

namespace app {

class idempotency_ledger final : public idempotency_keys {
  public:
    struct deps {
        ports::document_store& store;
        record_repository& records;
        const state_cache& cache;
        const base::clock& clock;
    };
    explicit idempotency_ledger(deps deps) : deps_(deps) {}

    aio::task<idempotency_ticket> begin_idempotent(std::string key, std::string payload) override;
    aio::task<void> finish_idempotent(std::string key, stored_response response) override;
    aio::task<void> abandon_idempotent(std::string key) override;
    // Deletes responses that are older than a day.
    aio::task<> purge();

  private:
    struct open_request {
        std::string payload;
        ports::revision replaces = 0;  // revision of an expired response
    };
    aio::task<idempotency_ticket> find_stored(std::string key, std::string payload);
    aio::task<idempotency_ticket> find_accepted(std::string key, std::string payload);

    deps deps_;
    std::unordered_map<std::string, open_request> open_;
};

}  // namespace app
