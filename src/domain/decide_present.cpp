#include <fmt/format.h>

#include <algorithm>

#include "domain/decide_parts.hpp"
#include "domain/operation_steps.hpp"
#include "domain/spec_difference.hpp"

namespace domain {
namespace {

bool has_arrived(const reconcile_input& input, const operation& active) noexcept {
    const bool is_settled =
        std::ranges::all_of(input.observed->changes, &observed_change::is_terminal);
    if (!is_settled || needs_update(input.record, *input.observed) || change_left(input, active)) {
        return false;
    }
    const auto phase = input.observed->phase;
    if (input.record.paused) return phase == observed_phase::halted;
    if (active.kind == operation_kind::update) {
        return phase == observed_phase::ready || phase == observed_phase::critical;
    }
    return phase == observed_phase::ready;
}

void pursue_operation(reconcile_input& input, operation& active) {
    start(active, input.context.now);
    note_finished_changes(input, active);
    const bool first =
        active.kind == operation_kind::create || active.kind == operation_kind::recreate;
    if (first) {
        step_list(active).set("create_object", operation_phase::succeeded);
        step_list(active).set("become_ready", operation_phase::running, explain(*input.observed));
    }
    // Checked before the timeout: the operation may have succeeded while the platform was down.
    const bool is_there = has_arrived(input, active);
    const bool is_pause_pending = is_pause_unwritten(input.record);
    if (is_there && !is_pause_pending) {
        for (auto& step : active.steps) {
            step.phase = operation_phase::succeeded;
            step.message.clear();
        }
        finish(active, operation_phase::succeeded, input.context.now);
        return;
    }
    if (!is_there && input.context.is_operation_overdue()) {
        auto cause = explain(*input.observed);
        const auto limit = input.context.operation_timeout.count();
        finish(active, operation_phase::failed, input.context.now, "timed_out",
               fmt::format("not {} within {} s{}{}", first ? "ready" : "finished", limit,
                           cause.empty() ? "" : ": ", cause));
        // Reverts a partially written pause or resume.
        if (is_pause_pending) input.act(action_kind::update_object);
        reset_desired(input.record, active, *input.observed);
        return;
    }
    input.again = poll_slow;
    if (wait_for_change(input, active)) return;
    if (is_pause_pending || needs_update(input.record, *input.observed)) {
        update_object(input, active, is_pause_pending);
        return;
    }
    if (const auto kind = change_left(input, active)) pursue_change(input, active, *kind);
}

}  // namespace

void decide_present(reconcile_input& input) {
    if (input.observed->phase == observed_phase::ready) input.record.was_ready = true;
    if (input.observed->deleting) {  // by another writer
        if (auto* active = active_operation(input.record)) {
            finish(*active, operation_phase::failed, input.context.now, "deleted_in_cluster",
                   "the database's object is being deleted in the cluster by another client");
        }
        return;
    }
    if (auto* active = active_operation(input.record)) {
        pursue_operation(input, *active);
        return;
    }
    if (needs_update(input.record, *input.observed)) {
        input.act(action_kind::update_object);
        return;
    }
    // Without an operation of the platform, a different spec is the finished change of another
    // writer, such as an autoscaler. The platform adopts it (docs/adr/0004).
    const bool settled =
        std::ranges::all_of(input.observed->changes, &observed_change::is_terminal);
    if (settled && next_change(input.record, *input.observed))
        adopt_observed_spec(input.record, *input.observed);
}

}  // namespace domain
