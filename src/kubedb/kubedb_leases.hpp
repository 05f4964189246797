#pragma once
// ports::lease_manager on the Lease objects of the cluster (kube/lease_client.hpp). Lives on the
// client's loop.

#include <memory>

#include "kube/fwd.hpp"
#include "kube/lease_client.hpp"
#include "ports/lease.hpp"

namespace kubedb {

// The client and the clock of the options must outlive it. Errors of the calls in addition to the
// port's: those of kube::lease_client.
std::unique_ptr<ports::lease_manager> make_lease_manager(kube::client& client,
                                                         kube::lease_options options);

}  // namespace kubedb
