#pragma once
// An operator that runs KubeDB objects as processes on this machine. Replaces KubeDB's operator in
// development and tests. Uses the API server like any controller. Belongs to one loop.

#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "kube/kube_client.hpp"
#include "obs/log.hpp"

namespace controller {

struct operator_options {
    std::string data_dir;
    std::uint64_t seed = 1;
    bool uses_synthetic_addresses = false;  // for kube-apiserver: see pod_address()
    std::function<void()> on_offered{};     // runs once the catalogue of versions is in the cluster
};

class local_operator {
  public:
    virtual ~local_operator() = default;
    // Runs until cancelled. Cancellation ends the loops; the members run until stop().
    virtual aio::task<> run() = 0;
    // Stops every process and awaits their end.
    virtual aio::task<> stop() = 0;
};

std::unique_ptr<local_operator> make_operator(aio::executor executor, kube::client& client,
                                              aio::blocking_pool& pool, const base::clock& clock,
                                              obs::log& log, operator_options options);

}  // namespace controller
