#pragma once
// Divides the databases among the replicas of the platform. Each replica renews one Lease, and the
// holders of the unexpired leases share the databases. A replica that joins or leaves moves only
// its own share. Nothing relies on one owner: two replicas may own a database for a moment, and
// every write is checked by a revision. Lives on the control loop.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/lease.hpp"

namespace app {

// Returns the name of a process among the replicas: unique, because a restarted process is another
// holder. Its end is the newest format of records that the process reads, so that the other
// replicas know it.
std::string replica_name(std::string_view host);
// Returns whether the replica reads API keys with keyed digests. Replicas of the releases before
// have names without a format. Pure.
bool reads_keyed_digests(std::string_view replica) noexcept;

// Returns the holder that owns a key, by rendezvous hashing (Thaler and Ravishankar, "Using
// name-based mappings to increase hit rates", 1998). Returns an empty text without holders. Pure.
std::string_view owner_of(std::string_view key, const std::vector<std::string>& holders) noexcept;

struct ownership_options {
    std::string replica;                // unique among processes and across restarts
    std::chrono::seconds duration{12};  // of a lease: the takeover after a crash
    std::chrono::seconds period{2};     // between two renewals
    std::size_t replicas_max = 64;
};

class ownership {
  public:
    struct deps {
        ports::lease_manager* leases = nullptr;  // nullptr: this process owns everything
        const base::clock& clock;
        obs::log& log;
    };
    ownership(deps deps, ownership_options options);

    // Returns whether this replica reconciles and scrapes the database. False once its lease has
    // expired, also if no call has failed.
    [[nodiscard]] bool owns(std::string_view database_id) const noexcept;
    // Returns whether the last known division gives the database to this replica, with or without a
    // lease.
    [[nodiscard]] bool wants(std::string_view database_id) const noexcept;
    // Returns the holders of unexpired leases, sorted; empty without a lease.
    [[nodiscard]] const std::vector<std::string>& holders() const noexcept { return holders_; }
    // Returns the number of replicas that share the databases; 1 without leases.
    [[nodiscard]] std::size_t replicas() const noexcept;
    // Returns whether this replica was the owner among earlier holders.
    [[nodiscard]] bool owned_among(std::string_view database_id,
                                   const std::vector<std::string>& holders) const noexcept;
    // Receives the holders before a change of the replicas, after the change. One listener.
    using listener = std::function<void(const std::vector<std::string>& previous)>;
    void on_change(listener receiver) { listener_ = std::move(receiver); }

    // Acquires a lease and renews it until cancelled. Errors: cancelled.
    aio::task<> run();
    // Renews the lease and reads the holders once. Errors: those of ports::lease_manager.
    aio::task<> renew();
    // Gives the lease back, so that the other replicas take over at once, without a call of the
    // listener. Errors: those of ports::lease_manager.
    aio::task<> release();

  private:
    // Returns whether the lease was held or acquired.
    aio::task<bool> hold();
    [[nodiscard]] bool holds_lease() const noexcept;
    void set_holders(std::vector<std::string> holders);
    // Releases the expired leases of lost holders, on the first replica alone. A replica that
    // starts later would count their holders as live for a whole duration, and their share of its
    // databases would have no owner until then. Failures are tried again with the next renewal.
    aio::task<> release_expired();

    deps deps_;
    ownership_options options_;
    std::optional<std::size_t> slot_;  // the lease of this replica
    base::steady_time held_until_ = base::steady_time::min();
    std::vector<std::string> holders_;   // sorted; empty without a lease
    std::vector<std::string> division_;  // the last holders with this replica
    std::vector<std::string> lost_;      // former holders whose leases may not be released
    bool has_failed_ = false;            // the last renewal
    listener listener_;
};

}  // namespace app
