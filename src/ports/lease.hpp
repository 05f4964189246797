#pragma once
// Leases: at most one process holds a lease, and must renew it before it expires. Adapter: kubedb
// (Lease objects); fake: fakes::fake_lease_manager. Contract suite:
// test/support/lease_manager_contract.hpp. Thread: one loop.
//
// A lease is not a lock. A holder may be suspended between its check of the time and its write, and
// another process may have acquired the lease in between. Therefore a holder must:
//   - renew after every third of the duration, and stop before the start of its last successful
//     hold() plus the duration, whether or not a call has failed;
//   - guard every write by a revision (document_store, resourceVersion), so that the late write of
//   a
//     former holder is rejected. The lease saves duplicate work; it does not protect data.

#include <chrono>
#include <string>
#include <vector>

#include "aio/task.hpp"

namespace ports {

class lease_manager {
  public:
    lease_manager() = default;
    lease_manager(const lease_manager&) = delete;
    lease_manager& operator=(const lease_manager&) = delete;
    virtual ~lease_manager() = default;

    // Acquires or renews the lease `name` for `holder`. The holder id must be unique among
    // processes and across restarts. `duration` is at least one second and may differ between
    // calls. Returns true if the lease is held until the start of this call plus `duration`.
    // Returns false if another holder has the lease; a former holder must then stop immediately.
    // The lease of another holder has expired when its duration has elapsed on the local monotonic
    // clock since this manager last observed a renewal, so a new manager waits for one full
    // duration. Errors: unavailable, timed_out (the effect is unknown; a lease held before stays
    // valid until it expires), denied, invalid (name or duration), cancelled.
    virtual aio::task<bool> hold(std::string name, std::string holder,
                                 std::chrono::seconds duration) = 0;
    // Releases the lease, so that the next holder need not wait for its expiry. Succeeds if
    // `holder` does not have it. Errors: as hold.
    virtual aio::task<void> release(std::string name, std::string holder) = 0;
    // Returns the holders of the unexpired leases whose name starts with `prefix`, sorted and
    // without duplicates. An expired lease is included until this manager can detect the expiry
    // (see hold). Errors: as hold.
    virtual aio::task<std::vector<std::string>> live_holders(std::string prefix) = 0;
};

}  // namespace ports
