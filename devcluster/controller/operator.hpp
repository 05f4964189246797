#pragma once
// A small operator that turns KubeDB objects into processes on this machine. It stands in for
// KubeDB's own operator in development and tests; it talks to the API server like any controller.
// Lives on one loop.

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
    bool makes_up_addresses = false;     // for a real API server: see pod_address in objects.hpp
    std::function<void()> on_offered{};  // called once the catalogue of versions is in the cluster
};

class local_operator {
  public:
    virtual ~local_operator() = default;
    // Until cancelled: the loops end at once, the members go on until stop().
    virtual aio::task<> run() = 0;
    // Stops every process; ends when the last one has.
    virtual aio::task<> stop() = 0;
};

std::unique_ptr<local_operator> make_operator(aio::executor on, kube::client& client,
                                              aio::blocking_pool& pool, const base::clock& clock,
                                              obs::log& log, operator_options how);

}  // namespace controller
