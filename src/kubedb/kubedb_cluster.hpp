#pragma once
// ports::cluster on a Kubernetes cluster with KubeDB. Watches, cluster-wide and once per kind, what
// databases are made of; writes objects and OpsRequests; reads secrets only when asked. Lives on
// the control loop.

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
    // How often it looks for kinds that were installed meanwhile.
    std::chrono::seconds rediscover{60};
    std::size_t events_kept = 20;  // per database
    // Finished requests of ours are deleted when they are so old, a few at a time.
    std::chrono::hours requests_kept{7 * 24};
    std::chrono::milliseconds sweep{std::chrono::minutes(10)};
    std::size_t swept_at_once = 100;
    std::uint64_t seed = 1;
};

// The client and the others must outlive it.
std::unique_ptr<ports::cluster> make_cluster(aio::executor on, kube::client& client,
                                             const base::clock& clock, obs::log& log,
                                             obs::registry& registry, cluster_options how = {});

}  // namespace kubedb
