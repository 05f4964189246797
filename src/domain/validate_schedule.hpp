#pragma once
// Reads the schedule of a request. Pure.

#include <optional>

#include "domain/engines.hpp"
#include "domain/field_errors.hpp"
#include "domain/requests.hpp"
#include "domain/schedule.hpp"

namespace domain {

// Returns the schedule after the request, or std::nullopt with every error in `errors`. Members
// that the request leaves out keep the values of `present`, which is nullptr if there is none.
std::optional<schedule> read_schedule(const schedule_request& wanted, const schedule* present,
                                      field_errors& errors);

// Adds an error unless a database of this engine and shape can be paused.
void check_schedule_support(const engine_rules& rules, const topology& shape, field_errors& errors);

}  // namespace domain
