#pragma once
// Authentication for a platform that only local clients can reach: every request has the same
// principal, the administrator "local-admin". Immutable; usable on every thread.

#include "ports/authenticator.hpp"

namespace inproc {

class local_authenticator final : public ports::authenticator {
  public:
    // Returns a pointer without a reference count, so that HTTP loops share no counter.
    // Precondition: the authenticator outlives every principal that it returned.
    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request&) const override {
        return std::shared_ptr<const domain::principal>(std::shared_ptr<void>(), &administrator_);
    }

  private:
    const domain::principal administrator_{.subject = "local-admin", .is_administrator = true};
};

}  // namespace inproc
