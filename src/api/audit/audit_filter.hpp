#pragma once
// Decides which denied requests have a row in the audit log, so that a client that repeats one
// cannot fill the store: one per minute, caller and status. Any thread. Inside api only.

#include <string_view>

#include "api/limits/debt_table.hpp"
#include "base/fnv1a.hpp"

namespace api {

class audit_filter {
  public:
    bool admit(std::string_view caller, unsigned status, base::steady_time now) noexcept {
        constexpr domain::rate_quota quota{.interval = std::chrono::minutes(1), .burst = 1};
        return table_.admit(base::fnv1a(caller, status), quota, now).is_admitted;
    }

  private:
    debt_table table_{std::size_t{1} << 12U};
};

}  // namespace api
