#pragma once
// A named right that one holder has at a time and must renew before it runs out. Adapter: kube
// (Lease objects); fake: fakes::fake_lease_manager. Promises:
// test/support/lease_manager_contract.hpp. Belongs to one loop.
//
// No such right is a lock. A holder may be stopped (a paused machine, a slow answer) between its
// look at the time and its write, and another may have taken over meanwhile. Therefore:
//   - renew every third of the duration, and stop acting once the time of the last call that
//     answered true, plus the duration, is near, whether or not anybody said so;
//   - guard every write by the revision of what was read (document_store, resourceVersion): so the
//     late write of a former holder is refused. The right saves work; it is not what keeps data
//     whole.

#include <chrono>
#include <string>
#include <vector>

#include "aio/task.hpp"

namespace ports {

class lease_manager {
  public:
    lease_manager() = default;
    lease_manager(const lease_manager&) = delete;
    lease_manager& operator=(const lease_manager&) = delete;
    virtual ~lease_manager() = default;

    // Takes or renews the right `name` for `holder`, an identity that no other process has, nor
    // this one after a restart. `duration` is at least a second and may differ from call to call.
    // True: it is held until the time at which this call was made, plus duration. False: it is not
    // held, because somebody else has it or was faster; a holder that is told so must stop at once.
    // Somebody else's right is over when its own duration has passed since this keeper saw it
    // renewed for the last time: a keeper that has just begun to look waits for that long.
    // Failures: unavailable, timed_out (the effect is unknown: what was held before runs on to its
    // end), denied, invalid (the name or the duration), cancelled.
    virtual aio::task<bool> hold(std::string name, std::string holder,
                                 std::chrono::seconds duration) = 0;
    // Gives it back, so that the next one need not wait. Success also when `holder` did not have
    // it. Failures: as hold.
    virtual aio::task<void> release(std::string name, std::string holder) = 0;
    // Who holds a right whose name begins with `prefix` and has not run out: each holder once, in
    // order. A right that is over counts until this keeper can know it (see hold). Failures: as
    // hold.
    virtual aio::task<std::vector<std::string>> live_holders(std::string prefix) = 0;
};

}  // namespace ports
