#pragma once
// The difference between the desired and the observed spec of a database. Pure.

#include <optional>

#include "domain/desired.hpp"
#include "domain/observed.hpp"

namespace domain {

// Returns the next day-2 change from the observed to the desired spec, or std::nullopt if they are
// equal. Order: volume_expansion, vertical_scaling, horizontal_scaling. Compares the observed node
// groups only.
std::optional<change_kind> next_change(const database& record,
                                       const observed_database& observed) noexcept;
// Returns whether labels or pause must be written to the object.
bool needs_update(const database& record, const observed_database& observed) noexcept;
// Adopts the observed topology. Groups that are not observed keep their values.
void adopt_observed_spec(database& record, const observed_database& observed);

}  // namespace domain
