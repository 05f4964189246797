#pragma once
// What the played cluster will do next, and when: ordered so that a std::priority_queue gives what
// is due first, and of what is due at one time what was asked for first.

#include <cstdint>
#include <string>
#include <tuple>

#include "base/clock.hpp"
#include "devcluster/apiserver/objects.hpp"

namespace synthetic {

enum class deed : std::uint8_t { database, request, flap, mend };
struct due_deed {
    base::steady_time when;
    std::uint64_t order;
    deed what;
    std::string type_key;
    apiserver::object_key key;
    bool operator<(const due_deed& other) const {
        return std::tie(other.when, other.order) < std::tie(when, order);
    }
};

}  // namespace synthetic
