#pragma once
// The responses to writes with an Idempotency-Key. The store keeps them for a day, so that a
// repeated request gets the first response. The record replaces a response that was not stored.
// Requests in flight are in memory. With several replicas each has a claim in the store as well,
// which is created before the write. The claim of a replica that has crashed is taken over
// `claim_timeout` after another replica has first seen it, on the steady clock of that replica: the
// wall clocks of two replicas may differ. A claim whose write was left unconfirmed is taken over at
// once. The records are compared with the store first. A late write of the earlier holder is
// rejected, because the record holds the key. Follows draft-ietf-httpapi-idempotency-key-header.
// Lives on the control loop.

#include <chrono>
#include <functional>
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
        // The holder of claims: unique among processes and across restarts. Empty: this process has
        // the store for itself and writes no claims.
        std::string replica{};
        // Makes the records in memory equal to the store. Required if `replica` is not empty.
        std::function<aio::task<>()> compare_records{};
    };
    explicit idempotency_ledger(deps deps) : deps_(std::move(deps)) {}

    aio::task<idempotency_ticket> begin_idempotent(std::string key, std::string payload) override;
    aio::task<void> finish_idempotent(std::string key, stored_response response) override;
    aio::task<void> abandon_idempotent(std::string key) override;
    // Deletes responses that are older than a day.
    aio::task<> purge();

    static constexpr std::chrono::seconds claim_timeout{60};

  private:
    struct open_request {
        std::string payload;
        ports::revision replaces = 0;  // revision of an expired response or of the claim
    };
    // A claim of another process, and since when this process has seen this version of it.
    struct seen_claim {
        ports::document_version version;
        base::steady_time since{};
    };
    [[nodiscard]] bool is_shared() const noexcept { return !deps_.replica.empty(); }
    // Notes the claim of another process. Returns whether it has stayed for `claim_timeout`.
    bool has_stayed(const std::string& key, const ports::document& claim);
    // Returns the ticket of a key that is open in this process. Opens it otherwise.
    aio::task<idempotency_ticket> begin(std::string key, std::string payload);
    aio::task<idempotency_ticket> find_stored(std::string key, std::string payload);
    // Stores the claim of an open request. Returns false if another replica was faster.
    aio::task<bool> claim(std::string key, std::string state);
    aio::task<idempotency_ticket> find_accepted(std::string key, std::string payload);

    deps deps_;
    std::unordered_map<std::string, open_request> open_;
    std::unordered_map<std::string, seen_claim> seen_;
};

}  // namespace app
