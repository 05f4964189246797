#pragma once
// A named right that one holder has at a time and must renew. Adapter: kube (Lease objects); fake:
// testing::fake_lease_keeper.

#include <chrono>
#include <string>
#include <vector>

#include "aio/task.hpp"

namespace ports {

class lease_keeper {
  public:
    lease_keeper() = default;
    lease_keeper(const lease_keeper&) = delete;
    lease_keeper& operator=(const lease_keeper&) = delete;
    virtual ~lease_keeper() = default;

    // Takes or renews. True: held by `holder` until now + duration. False: somebody else holds it.
    // Failures: unavailable, denied.
    virtual aio::task<bool> hold(std::string name, std::string holder,
                                 std::chrono::seconds duration) = 0;
    // Gives it back; success when it was not held.
    virtual aio::task<void> release(std::string name, std::string holder) = 0;
    // Holders of live leases whose name begins with `prefix`.
    virtual aio::task<std::vector<std::string>> live_holders(std::string prefix) = 0;
};

}  // namespace ports
