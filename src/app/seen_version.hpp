#pragma once
// The versions of an object that a caller has read, as the conditions of a write. Pure.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace app {

struct seen_version {
    std::int64_t revision = 0;
    // Of an object whose name can be used again: its creation, since another object of the name has
    // the same revisions. Nothing: the caller has not named it.
    std::optional<std::uint64_t> incarnation{};
};
using seen_versions = std::optional<std::vector<seen_version>>;  // nothing: any version

// Returns the incarnation of an object that was created at this time. Two objects of one name have
// different ones, because the first is deleted before the second is created.
inline std::uint64_t incarnation_of(base::instant created_at) noexcept {
    return static_cast<std::uint64_t>(created_at.time_since_epoch().count());
}

// Returns whether a write may be based on this revision. For objects whose ids are never used
// again.
inline bool has_seen(const seen_versions& seen, std::int64_t revision) {
    return !seen ||
           std::ranges::any_of(*seen, [&](const auto& one) { return one.revision == revision; });
}

// Returns whether a write may be based on this revision of this object. A version without
// incarnation never matches, because it may be that of an earlier object.
inline bool has_seen(const seen_versions& seen, std::int64_t revision, base::instant created_at) {
    return !seen || std::ranges::any_of(*seen, [&](const auto& one) {
        return one.revision == revision && one.incarnation == incarnation_of(created_at);
    });
}

}  // namespace app
