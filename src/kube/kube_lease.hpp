#pragma once
// ports::lease_manager by Lease objects of coordination.k8s.io/v1. The decisions are in
// lease_state.hpp; this is the shell around them. Lives on the client's loop.
//
// Calls: a renewal is one PUT; taking a lease is a GET and a POST or PUT; a rejected hold is one
// GET; live_holders is one LIST of all leases with our labels, in pages of 500. RBAC, in the
// namespace of the leases: get, create, update, and list for live_holders.

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "kube/kube_client.hpp"
#include "ports/lease.hpp"

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

// The client and the clock must outlive it. Failures of the calls besides the port's: not_found
// (the namespace), unsupported (the API server has no Leases).
std::unique_ptr<ports::lease_manager> make_lease_manager(client& client, lease_options options);

}  // namespace kube
