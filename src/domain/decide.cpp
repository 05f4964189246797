#include "domain/decide.hpp"

#include <utility>

#include "domain/decide_parts.hpp"
#include "domain/failure_cause.hpp"
#include "domain/operation_steps.hpp"

namespace domain {

decision decide(const database& record, const observed_database* observed,
                const decide_context& context) {
    if (observed == nullptr) return {.record = record};
    reconcile_input input{.record = record, .observed = observed, .context = context};
    if (record.deleted) {
        decide_deleted(input);
    } else if (record.object_uid.empty()) {
        decide_uncreated(input);
    } else if (context.awaiting_first_observation) {
        input.again = poll_fast;
    } else if (!is_ours(record, *observed)) {
        decide_missing(input);
    } else {
        decide_present(input);
    }
    const bool changed = input.record != record;
    return {.record = std::move(input.record),
            .record_changed = changed,
            .next = std::move(input.next),
            .again_in = input.again};
}

database after_success(const database& record, const action& done, const std::string& created_uid,
                       bool is_absent, const decide_context& context) {
    database next = record;
    auto* active = active_operation(next);
    if (done.kind == action_kind::create_object && !next.deleted) {
        next.object_uid = created_uid;
        if (active != nullptr) {
            active->error_message.clear();
            step_list(*active).set("create_object", operation_phase::succeeded);
            step_list(*active).set("become_ready", operation_phase::running);
        }
    }
    // A newer operation, which wants another state, may have started during the action.
    const bool is_pause_change_written = done.kind == action_kind::update_object &&
                                         active != nullptr && active->id == done.operation_id;
    if (is_pause_change_written) note_pause_written(*active);
    if (done.kind == action_kind::remove_object && is_absent && next.deleted && active != nullptr) {
        finish(*active, operation_phase::succeeded, context.now);
    }
    return next;
}

failed_action after_failure(const database& record, const observed_database* observed,
                            const action& action, const base::failure& error,
                            const decide_context& context) {
    using base::errc;
    failed_action result{.record = record};
    const bool passing =
        error.retryable() || error.code == errc::cancelled || error.code == errc::gone ||
        error.cause == failure_cause::deleting ||
        (error.code == errc::precondition && action.kind != action_kind::remove_object);
    auto* active = active_operation(result.record);
    if (passing || active == nullptr) {
        result.retry = true;
        if (active != nullptr) active->error_message = error.text;  // reported during the retries
        return result;
    }
    // The call has found that the object is gone. The watch may not have reported it yet.
    const bool is_change =
        action.kind == action_kind::update_object || action.kind == action_kind::request_change;
    if (is_change && error.code == errc::not_found && observed != nullptr &&
        !is_ours(record, *observed)) {
        finish_as_missing(*active, context.now);
        return result;
    }
    auto code = error.reason.empty() ? std::string(base::name(error.code)) : error.reason;
    if (action.kind == action_kind::remove_object) {
        // Retry the deletion indefinitely and report its error: the record must not disappear
        // before the object does.
        active->error_code = std::move(code);
        active->error_message = error.text;
        result.retry = true;
        return result;
    }
    finish(*active, operation_phase::failed, context.now, std::move(code), error.text);
    if (observed != nullptr && is_ours(record, *observed)) {
        reset_desired(result.record, *active, *observed);
    }
    return result;
}

}  // namespace domain
