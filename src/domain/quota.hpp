#pragma once
// What databases use of a project's quota or of the cluster, and whether more fits. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/topology.hpp"

namespace domain {

// What databases take of a quota or of the machine.
struct usage {
    std::int64_t databases = 0;
    std::int64_t cpu_millis = 0;
    std::int64_t memory_bytes = 0;
    std::int64_t storage_bytes = 0;
    usage& operator+=(const usage& other) noexcept;
    usage& operator-=(const usage& other) noexcept;
    bool operator==(const usage&) const = default;
};
// All members of all node groups; ephemeral storage counts too.
usage usage_of(const database& record) noexcept;
// A usage whose zeros mean "no limit".
usage limits_of(const project& owner) noexcept;

// `used` holds the usage without the change, `more` what the change adds. Failure: limit with
// `reason` and a sentence that says which resource, how much is asked, used and allowed. `what`
// names the limit: "project 'shop'", "the cluster".
base::outcome<void> check_limits(const usage& allowed, const usage& used, const usage& more,
                                 std::string_view what, std::string reason);

}  // namespace domain
