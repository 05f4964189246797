#pragma once
// The heart of the platform: given what is wanted and what is observed, what to do next.
// Level-triggered and pure: asked again after every change of either side, it needs no memory of
// its own beyond the record. The reconcile loop (app) applies the answer.

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/operation.hpp"

namespace domain {

struct decide_context {
    base::instant now{};
    // The object was created a moment ago and the watch has not shown it yet: its absence means
    // nothing.
    bool awaiting_first_sight = false;
    std::chrono::seconds operation_timeout{900};
};

enum class action_kind : std::uint8_t {
    none,
    create_object,   // make the cluster object (idempotent)
    update_object,   // bring labels, pause and protection to the object
    request_change,  // ask for `change` on behalf of `operation_id`
    remove_object,   // delete the object and what belongs to it
    remove_record  // the cluster holds nothing more: archive the operations and forget the database
};

struct action {
    action_kind kind = action_kind::none;
    change_kind change = change_kind::restart;
    std::string operation_id;  // of update_object: the one whose pause or resume it writes, if any
    bool operator==(const action&) const = default;
};

struct decision {
    database record;  // what the record should be now; write it first when `record_changed`
    bool record_changed = false;
    action next;  // then do this
    std::optional<std::chrono::seconds>
        again_in;  // and look again after this time even if nothing happens
};

// `observed` null: the cluster has not been heard yet (nothing is decided).
decision decide(const database& record, const observed_database* observed,
                const decide_context& context);

// What an action's end means for the record. Retryable failures leave it as it is (the loop tries
// again); others end the active operation with the cause, and what it wanted goes back to what is
// observed (docs/adr/0004). `created_uid` is the new object's uid after a successful create_object.
// `gone` is the answer of remove_object.
database after_success(const database& record, const action& done, const std::string& created_uid,
                       bool gone, const decide_context& context);
struct failed_action {
    database record;
    bool retry = false;
};
failed_action after_failure(const database& record, const observed_database* observed,
                            const action& tried, const base::failure& why,
                            const decide_context& context);

// Adds an operation to the record (supersedes an unfinished update; trims old finished ones). The
// new operation's id and kind must be set.
void begin_operation(database& record, operation started, base::instant now);
// The object is there and is the one that the record stands for (a namesake has another uid).
bool is_ours(const database& record, const observed_database& observed) noexcept;
// The one unfinished operation, or null.
const operation* active_operation(const database& record) noexcept;
operation* active_operation(database& record) noexcept;
void finish(operation& which, operation_phase phase, base::instant now, std::string code = {},
            std::string message = {});

// Which day-2 change leads from the observed to the desired spec, in the order in which they are
// done: volume_expansion, vertical_scaling, horizontal_scaling; nothing when they agree. Compares
// the node groups that the observation shows.
std::optional<change_kind> next_change(const database& record,
                                       const observed_database& observed) noexcept;

// The most telling sentence about why a database is not ready, from its conditions and warning
// events; may be empty.
std::string explain(const observed_database& observed);

}  // namespace domain
