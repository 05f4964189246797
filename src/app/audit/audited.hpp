#pragma once
// Proof that the audit log has a row about an act. Functions that change something, or that return
// a credential, take one as a parameter, so that a call without a row does not compile. Only
// audit_trail makes them.

#include <utility>

#include "app/audit/audit_event.hpp"

namespace app {

class audited {
  public:
    [[nodiscard]] const audit_event& event() const noexcept { return event_; }

  private:
    friend class audit_trail;
    explicit audited(audit_event event) : event_(std::move(event)) {}
    audit_event event_;
};

}  // namespace app
