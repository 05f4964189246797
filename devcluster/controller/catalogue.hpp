#pragma once
// What this machine offers, as objects: a version per engine that is installed, a storage class,
// and a node with room for more than there is, because demonstrations are small and many.

#include <string>

#include "devcluster/controller/kinds.hpp"

namespace controller {

// Failures: of the Kubernetes client.
aio::task<> offer_catalogue(kube::client& client, std::string data_dir, aio::blocking_pool& pool,
                            obs::log& log);

}  // namespace controller
