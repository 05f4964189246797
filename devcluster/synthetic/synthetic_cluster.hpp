#pragma once
// A simulated cluster: KubeDB objects become ready, scale and are deleted as by KubeDB's operator,
// and their stats services return exporter pages. Failures of databases and exporters can be
// injected. No process or task exists per database: one queue of timed actions on the API server's
// loop serves tens of thousands of databases.

#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "obs/log.hpp"

namespace synthetic {

struct cluster_options {
    std::size_t capacity = 10'000;  // databases; further ones wait until others are deleted
    std::uint64_t seed = 1;
    // Ready databases per second that become Critical or NotReady for two seconds. Applies until
    // the first POST of faults.
    double flaps_per_second = 0;
    const base::clock* clock = &base::system_clock();
    obs::log* log = &obs::null_log();
};

// Faults in addition to those of the API server (POST /devcluster/faults):
//   "flaps_per_second": 5, "failing_requests": 0.1,
//   "scrapes": {"hung": 0.1, "slow": 0.1, "slow_ms": 3000, "truncated": 0.01, "garbage": 0.01,
//               "oversized": 0.01, "refused": 0.01}
// Each number in "scrapes" is a share of the databases. The shares do not overlap, and a seed
// selects the same databases each time. "failing_requests" is the share of the OpsRequests,
// selected by name, that end as Failed without a change. GET /devcluster/stats reports scrapes,
// databases, the age of the oldest last scrape, and a histogram of the time between two scrapes of
// a database in half seconds. "forget_scrapes": true resets these statistics.
std::unique_ptr<apiserver::simulator> make_cluster(aio::executor executor,
                                                   apiserver::api_core& content,
                                                   apiserver::object_store& objects,
                                                   cluster_options options);

}  // namespace synthetic
