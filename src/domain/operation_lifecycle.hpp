#pragma once
// Begin and end of operations in a record. Pure.

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "domain/desired.hpp"
#include "domain/operation.hpp"

namespace domain {

// Adds an operation to the record, supersedes an unfinished update, and drops the oldest finished
// operations. The id and kind of the new operation must be set.
void begin_operation(database& record, operation started, base::instant now);
// Returns the unfinished operation, or nullptr.
const operation* active_operation(const database& record) noexcept;
operation* active_operation(database& record) noexcept;
// Moves a queued operation to running.
void start(operation& operation, base::instant now);
// Ends the operation, and a step that runs, with the phase.
void finish(operation& operation, operation_phase phase, base::instant now, std::string code = {},
            std::string message = {});
}  // namespace domain
