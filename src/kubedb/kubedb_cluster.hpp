#pragma once
// Implements ports::cluster for a Kubernetes cluster with KubeDB. Runs one cluster-wide watch per
// resource that databases consist of. Writes objects and OpsRequests. Reads secrets only on
// request. Lives on the control loop.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "kube/kube_client.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

struct cluster_options {
    // Period of discovery, which finds resources that were installed after the start.
    std::chrono::seconds rediscover{60};
    // Period in which the positions of two watches are compared with the server's versions.
    std::chrono::milliseconds verify_period{std::chrono::minutes(1)};
    std::size_t events_kept = 20;  // per database
    // Finished OpsRequests of the platform are deleted at this age. Every `sweep` deletes up to
    // `swept_at_once` of them.
    std::chrono::hours requests_kept{7 * 24};
    std::chrono::milliseconds sweep{std::chrono::minutes(10)};
    std::size_t swept_at_once = 100;
    std::uint64_t seed = 1;
};

// Creates the cluster. The objects that are passed by reference must outlive it.
std::unique_ptr<ports::cluster> make_cluster(aio::executor executor, kube::client& client,
                                             const base::clock& clock, obs::log& log,
                                             obs::registry& registry, cluster_options options = {});

}  // namespace kubedb
