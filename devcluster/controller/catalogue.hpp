#pragma once
// The objects that describe this machine: a version per installed engine, a storage class, and a
// node. The node reports more CPU than the machine has, because demonstrations run many idle
// databases.

#include <string>

#include "devcluster/controller/kinds.hpp"

namespace controller {

// Errors: the Kubernetes client's.
aio::task<> offer_catalogue(kube::client& client, std::string data_dir, aio::blocking_pool& pool,
                            obs::log& log);

}  // namespace controller
