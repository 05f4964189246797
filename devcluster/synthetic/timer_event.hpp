#pragma once
// An action that the simulated cluster performs at a given time. Ordered for std::priority_queue:
// the earliest event first; events with equal times in the order of their scheduling.

#include <cstdint>
#include <string>
#include <tuple>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"

namespace synthetic {

enum class timer_action : std::uint8_t { database, request, flap, recover };
struct timer_event {
    base::steady_time when;
    std::uint64_t order;
    timer_action action;
    std::string type_key;
    apiserver::object_key key;
    bool operator<(const timer_event& other) const {
        return std::tie(other.when, other.order) < std::tie(when, order);
    }
};

}  // namespace synthetic
