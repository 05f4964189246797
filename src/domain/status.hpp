#pragma once
// The status that users see, from what is wanted, what is observed and which operations run. Pure.

#include "domain/types.hpp"

namespace domain {

struct status_context {
    bool cluster_known = false;  // the cluster's present content has been read since the start
    bool awaiting_first_sight = false;  // see decide_context
};

// phase, reason and message; `since` is left to the caller, who knows the status before.
status derive_status(const database& record, const observed_database* observed,
                     const status_context& context);

}  // namespace domain
