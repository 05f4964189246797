#pragma once
// The trace of an operation, from its request to its end, also if other replicas continue it: the
// record holds the traceparent of the request, and the id of the operation's span derives from the
// id of the operation. Pure, except for report_ended().

#include <optional>
#include <vector>

#include "app/state_observers.hpp"
#include "domain/desired.hpp"
#include "obs/trace.hpp"

namespace app {

// Returns the context of the operation's span, the parent of its steps; nullopt if the operation is
// not traced.
std::optional<obs::trace_context> context_of(const domain::operation& source);
// As context_of(), of the unfinished operation of the record.
std::optional<obs::trace_context> active_context(const domain::database& record);
// Returns the parent of the write that changes `before` (null: creates the record) into `after`:
// the request of the operation for a command, the operation for another origin.
std::optional<obs::trace_context> parent_of_write(const domain::database* before,
                                                  const domain::database& after,
                                                  record_origin origin);
// Returns the operations of `after` that the write has ended. They are valid as long as `after`.
std::vector<const domain::operation*> ended_operations(const domain::database& before,
                                                       const domain::database& after);
// Reports the spans of ended operations.
void report_ended(obs::tracer& tracer, const std::vector<const domain::operation*>& ended);

}  // namespace app
