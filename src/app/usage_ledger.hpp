#pragma once
// Reserves the usage of writes in flight, so that two requests cannot both use the last of a quota.
// With one process the claims are in memory. With several replicas they are in one document of the
// store, which every reservation writes revision-checked; the claims of concurrent requests share
// one write. A claim counts until its record is in memory. It is dropped `linger` after this
// replica first saw it: until then every replica has adopted the record, so a claim of a crashed
// replica leaks nothing. Lives on the control loop.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/state_cache.hpp"
#include "base/clock.hpp"
#include "domain/quota.hpp"

namespace app {

// The usage of one write in flight.
struct usage_claim {
    std::string operation;  // its id
    std::string database;   // id; empty: the deletion of the project
    std::string project;
    domain::usage growth;
    bool operator==(const usage_claim&) const = default;
};
struct usage_claims {
    std::vector<usage_claim> items;
    ports::revision revision = 0;
    bool operator==(const usage_claims&) const = default;
};
std::string encode(const usage_claims& source);
// Errors: corrupt.
base::outcome<usage_claims> decode_usage_claims(std::string_view text);

class usage_ledger {
  public:
    struct deps {
        ports::document_store& store;
        const state_cache& cache;
        const base::clock& clock;
        bool is_shared = false;  // among replicas
    };
    explicit usage_ledger(deps deps);

    [[nodiscard]] bool is_shared() const noexcept { return deps_.is_shared; }
    // Checks the addition `more` to the usage of the project and of the cluster against their
    // limits. Errors: limit, not_found (the project is being deleted), conflict (a project with
    // databases must not be deleted).
    [[nodiscard]] base::outcome<void> check(const usage_claim& claim,
                                            const domain::usage& more) const {
        return check(claims_.items, claim, more);
    }
    // check() and the reservation as one step. Precondition: not shared.
    base::outcome<void> reserve_in_memory(usage_claim claim, const domain::usage& more);
    void release_in_memory(const std::string& operation);
    // The same, for any ledger. Errors: those of check(), unavailable, timed_out, cancelled.
    aio::task<> reserve(usage_claim claim, domain::usage more);
    // Ends the claim of a write that has ended. `is_written`: the write happened, or may have.
    aio::task<> finish(std::string operation, bool is_written);
    // Ends the claims of earlier deletions of a project that exists again.
    aio::task<> reopen(std::string project);

    static constexpr std::chrono::seconds linger{20};

  private:
    struct request {
        usage_claim claim;
        domain::usage more;
        base::outcome<void> checked{};
        std::optional<base::outcome<void>> result{};
    };
    struct sight {
        base::steady_time first;
        bool is_settled = false;  // its record was in memory
    };
    [[nodiscard]] base::outcome<void> check(const std::vector<usage_claim>& claims,
                                            const usage_claim& claim,
                                            const domain::usage& more) const;
    [[nodiscard]] bool is_settled(const usage_claim& claim) const;
    // Notes which claims exist and drops the ended ones.
    void prune(std::vector<usage_claim>& claims);
    // Writes the claims of the waiting requests and sets their results.
    aio::task<> commit();
    aio::task<bool> write_batch(std::vector<std::shared_ptr<request>>& batch);
    aio::task<> drop(std::function<bool(const usage_claim&)> is_ended);

    deps deps_;
    usage_claims claims_;  // in memory; empty if shared
    document_registry<usage_claims> shared_;
    write_queue queue_;
    std::vector<std::shared_ptr<request>> waiting_;
    std::map<std::string, sight> sights_;  // by operation
    std::set<std::string> released_;       // operations without a write
};

}  // namespace app
