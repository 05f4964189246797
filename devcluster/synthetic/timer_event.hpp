#pragma once
// What the played cluster will do next, and when: ordered so that a std::priority_queue gives what
// is due first, and of what is due at one time what was asked for first.

#include <cstdint>
#include <string>
#include <tuple>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"

namespace synthetic {

enum class timer_action : std::uint8_t { database, request, flap, mend };
struct timer_event {
    base::steady_time when;
    std::uint64_t order;
    timer_action what;
    std::string type_key;
    apiserver::object_key key;
    bool operator<(const timer_event& other) const {
        return std::tie(other.when, other.order) < std::tie(when, order);
    }
};

}  // namespace synthetic
