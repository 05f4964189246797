#pragma once
// Holds, releases and lists leases by Lease objects of coordination.k8s.io/v1. The decisions are in
// lease_state.hpp; this is the shell around them. Lives on the client's loop.
//
// Calls: a renewal is one PUT; taking a lease is a GET and a POST or PUT; a rejected hold is one
// GET; live_holders is one LIST of all leases with our labels, in pages of 500. RBAC, in the
// namespace of the leases: get, create, update, and list for live_holders.

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "base/clock.hpp"
#include "kube/fwd.hpp"

namespace kube {

struct lease_options {
    std::string ns = "default";  // must exist
    // Of every Lease that is written; live_holders() finds leases by them.
    std::map<std::string, std::string> labels{
        {"app.kubernetes.io/managed-by", "kubedb-dbaas"},
    };
    // Of one hold, release or live_holders with all its requests and retries; a hold never takes
    // longer than two thirds of its duration.
    std::chrono::milliseconds call_timeout{10000};
    const base::clock* clock = &base::system_clock();
};

// The contract of ports::lease_manager (ports/lease.hpp), without its errors. Errors of all calls:
// those of kube::client, not_found (the namespace), unsupported (the API server has no Leases).
class lease_client {
  public:
    virtual ~lease_client() = default;

    // Acquires or renews a lease. Returns whether `holder` holds it. Errors: also invalid (no
    // holder, a duration below one second), timed_out (it expired before the response).
    virtual aio::task<bool> hold(std::string name, std::string holder,
                                 std::chrono::seconds duration) = 0;
    // Succeeds if `holder` does not have the lease.
    virtual aio::task<> release(std::string name, std::string holder) = 0;
    // Returns the holders of the unexpired leases whose name starts with `prefix`, sorted and
    // without duplicates.
    virtual aio::task<std::vector<std::string>> live_holders(std::string prefix) = 0;
};

// The client and the clock must outlive it.
std::unique_ptr<lease_client> make_lease_client(client& client, lease_options options);

}  // namespace kube
