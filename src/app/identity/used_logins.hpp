#pragma once
// The used logins in the document store, so that a callback is accepted once on all replicas. Reads
// the store at each call, because a login is rare. Lives on the control loop. Owned by the service.

#include <string>

#include "base/clock.hpp"
#include "ports/document_store.hpp"
#include "ports/login_register.hpp"

namespace app {

class used_logins final : public ports::login_register {
  public:
    used_logins(ports::document_store& store, const base::clock& clock)
        : store_(store), clock_(clock) {}

    aio::task<bool> use(std::string id) override;
    aio::task<bool> is_used(std::string id) override;
    // Deletes the records of logins that have expired. Errors: unavailable.
    aio::task<> purge();

    // Longer than a login and the tolerated difference of the clocks.
    static constexpr std::chrono::minutes retention{15};

  private:
    ports::document_store& store_;
    const base::clock& clock_;
};

}  // namespace app
