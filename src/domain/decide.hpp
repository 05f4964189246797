#pragma once
// Decides the next action for a database from its record and the observed state. Level-triggered
// and pure: the reconciler (app) applies the decision and calls decide() again after every change
// of either side. decide() keeps no state besides the record.

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
    // The platform has created the object and the watch has not reported it yet. Its absence proves
    // nothing.
    bool awaiting_first_observation = false;
    // Time since the unfinished operation began to run, on a monotonic clock. An operation that was
    // accepted before a long downtime still gets all of its timeout.
    std::chrono::nanoseconds operation_age{};
    std::chrono::seconds operation_timeout{900};

    [[nodiscard]] bool is_operation_overdue() const noexcept {
        return operation_age > operation_timeout;
    }
};

enum class action_kind : std::uint8_t {
    none,
    create_object,   // creates the cluster object (idempotent)
    update_object,   // writes labels and pause to the object
    request_change,  // creates the OpsRequest of `change` for `operation_id`
    remove_object,   // deletes the object and everything that belongs to it
    remove_record  // archives the operations and deletes the record; nothing is left in the cluster
};

struct action {
    action_kind kind = action_kind::none;
    change_kind change = change_kind::restart;
    std::string operation_id;  // of update_object: the one whose pause or resume it writes, if any
    bool operator==(const action&) const = default;
};

struct decision {
    database record;  // the next record; written first if `record_changed`
    bool record_changed = false;
    action next;                                   // executed after the write
    std::optional<std::chrono::seconds> again_in;  // decide again after this time without an event
};

// Decides nothing if `observed` is nullptr: the cluster has not reported yet.
decision decide(const database& record, const observed_database* observed,
                const decide_context& context);

// Returns the record after an action. A retryable failure leaves the record unchanged. Any other
// failure ends the active operation with its cause and resets the desired state to the observed
// one (docs/adr/0004). `created_uid` is the uid of the new object after create_object. `is_absent`
// is the result of remove_object: nothing is left.
database after_success(const database& record, const action& done, const std::string& created_uid,
                       bool is_absent, const decide_context& context);
struct failed_action {
    database record;
    bool retry = false;
};
failed_action after_failure(const database& record, const observed_database* observed,
                            const action& action, const base::failure& error,
                            const decide_context& context);

}  // namespace domain
