#pragma once
// The usage of a project's quota and of the cluster's capacity, and its limits. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/topology.hpp"

namespace domain {

// The resources of one or more databases.
struct usage {
    std::int64_t databases = 0;
    std::int64_t cpu_millis = 0;
    std::int64_t memory_bytes = 0;
    std::int64_t storage_bytes = 0;
    usage& operator+=(const usage& other) noexcept;
    usage& operator-=(const usage& other) noexcept;
    bool operator==(const usage&) const = default;
};
// Returns the sum over all members of all node groups. Ephemeral storage counts.
usage usage_of(const database& record) noexcept;
// A usage whose zeros mean "no limit".
usage limits_of(const project& owner) noexcept;

// Checks `used` (the usage before the change) plus `more` (the addition) against `allowed`. `owner`
// names the limit in the message: "project 'shop'", "the cluster". Errors: limit with `reason`; the
// message names the resource and the requested, used and allowed amounts.
base::outcome<void> check_limits(const usage& allowed, const usage& used, const usage& more,
                                 std::string_view owner, std::string reason);

}  // namespace domain
