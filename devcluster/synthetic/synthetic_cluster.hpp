#pragma once
// A cluster whose databases are only played: KubeDB objects become ready, scale and go as KubeDB's
// operator would have it, their stats services answer with exporter pages, and on demand they flap
// or their exporters misbehave. Nothing runs per database: one queue of what is due, on the API
// server's loop, so that tens of thousands fit on a laptop.

#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "obs/log.hpp"

namespace synthetic {

struct cluster_options {
    std::size_t capacity = 10'000;  // databases; those beyond it wait for room
    std::uint64_t seed = 1;
    // Ready databases that become Critical or NotReady for a while; until the first POST of faults.
    double flaps_per_second = 0;
    const base::clock* clock = &base::system_clock();
    obs::log* log = &obs::null_log();
};

// Fault switches beside the server's own (POST /devcluster/faults):
//   "flaps_per_second": 5, "failing_requests": 0.1,
//   "scrapes": {"hung": 0.1, "slow": 0.1, "slow_ms": 3000, "truncated": 0.01, "garbage": 0.01,
//               "oversized": 0.01, "refused": 0.01}
// Each number is a part of the databases, the same ones for a seed; they do not overlap. Of the
// OpsRequests that part of them, by their names, ends as Failed and changes nothing.
// GET /devcluster/stats tells of "scrapes": how many there were, of how many databases, how old the
// oldest last one is, and how often which time passed between two of one database (in half
// seconds). POST /devcluster/faults with "forget_scrapes": true begins to count anew.
std::unique_ptr<apiserver::simulator> make_cluster(aio::executor on, apiserver::api_core& content,
                                                   apiserver::object_store& objects,
                                                   cluster_options how);

}  // namespace synthetic
