#pragma once
// How a record follows its schedule: which edge is not applied yet, whether it may be applied now,
// and the record after it. The handled edge is part of the record, so that the revision check of
// the write lets one of two replicas apply it. Pure.

#include <optional>
#include <string>

#include "base/failure.hpp"
#include "domain/desired.hpp"

namespace domain {

// The requester of the operations that a schedule starts.
inline constexpr std::string_view schedule_requester = "schedule";

// Marks the edges that a user's change overtakes as handled. Called for each accepted change.
// - A change of `paused` overtakes all edges until `now`.
// - A new or changed schedule leaves the edge that began a present window unhandled, so that it
//   pauses at once. Outside of a window it changes nothing until its next edge.
void note_schedule_change(const database& before, database& after, instant now);

// Returns the latest edge until `now` if it is not handled. Earlier ones are dropped. Returns
// std::nullopt without a schedule and for a database that is being deleted.
std::optional<schedule_edge> due_edge(const database& record, instant now);
// Returns the first edge after the last handled one: the change that is due or the next one.
// Depends on the record alone. Returns std::nullopt without a schedule and for a database that is
// being deleted.
std::optional<schedule_edge> planned_edge(const database& record);

enum class edge_outcome : std::uint8_t {
    begun,      // an operation begins
    unchanged,  // the database is in the wanted state
    rejected,   // the rules of the engine no longer permit it
    waits       // until another operation ends; the record is as before
};

struct applied_edge {
    database record;
    edge_outcome outcome = edge_outcome::waits;
    std::string reason;  // if rejected
};

// Applies a due edge to the record. `operation_id` is that of the operation that may begin.
applied_edge apply_edge(const database& record, const schedule_edge& edge,
                        const std::string& operation_id, instant now);

}  // namespace domain
