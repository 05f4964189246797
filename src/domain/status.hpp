#pragma once
// The status that users see, from what is wanted, what is observed and which operations run. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"

namespace domain {

enum class status_phase : std::uint8_t {
    provisioning,
    running,
    updating,
    degraded,
    paused,
    restoring,
    deleting,
    failed,
    unknown
};

struct status {
    status_phase phase = status_phase::unknown;
    std::string reason;  // "", "object_missing", "members_not_ready", "cluster_unreachable", ...
    std::string message;
    instant since{};
    bool operator==(const status&) const = default;
};

std::string_view name(status_phase) noexcept;
// Returns std::nullopt for another text.
std::optional<status_phase> status_phase_from(std::string_view text) noexcept;

struct status_context {
    bool cluster_known = false;  // the cluster's present content has been read since the start
    bool awaiting_first_observation = false;  // see decide_context
};

// phase, reason and message; `since` is left to the caller, who knows the status before.
status derive_status(const database& record, const observed_database* observed,
                     const status_context& context);

}  // namespace domain
