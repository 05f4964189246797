#include <fmt/format.h>

#include <utility>

#include "domain/decide_parts.hpp"
#include "domain/operation_steps.hpp"
#include "domain/spec_difference.hpp"

namespace domain {
namespace {

// In this time a healthy start comes up.
constexpr std::chrono::minutes start_grace{3};

void fail_change(reconcile_input& input, operation& active, std::string_view step, std::string code,
                 std::string message) {
    step_list(active).set(step, operation_phase::failed, message);
    finish(active, operation_phase::failed, input.context.now, std::move(code), std::move(message));
    reset_desired(input.record, active, *input.observed);
}

// Returns the change that `active` requested, or nullptr.
const observed_change* own_change(const observed_database& observed, const operation& active,
                                  change_kind kind) noexcept {
    for (const auto& change : observed.changes) {
        if (change.known_kind && change.kind == kind && change.operation_id == active.id)
            return &change;
    }
    return nullptr;
}

// Members come and go only in a healthy database. More memory or storage may be what an unhealthy
// one lacks; one that merely starts is left alone, its volumes cannot even be expanded yet.
bool may_begin(change_kind kind, observed_phase phase, base::instant::duration waited) noexcept {
    if (phase == observed_phase::ready || phase == observed_phase::critical) return true;
    const bool broken = phase == observed_phase::not_ready || phase == observed_phase::provisioning;
    return broken && waited >= start_grace &&
           (kind == change_kind::volume_expansion || kind == change_kind::vertical_scaling);
}

}  // namespace

void note_finished_changes(reconcile_input& input, operation& active) {
    for (const auto& change : input.observed->changes) {
        if (change.operation_id == active.id && change.phase == change_phase::successful) {
            step_list(active).set(name(change.kind), operation_phase::succeeded);
        }
    }
}

bool wait_for_change(reconcile_input& input, operation& active) {
    for (const auto& change : input.observed->changes) {
        if (change.is_terminal()) continue;
        if (change.operation_id == active.id) {
            step_list(active).set(name(change.kind), operation_phase::running, change.message);
        }
        input.again = poll_slow;
        return true;
    }
    return false;
}

void pursue_change(reconcile_input& input, operation& active, change_kind kind) {
    const auto step = name(kind);
    const auto* change = own_change(*input.observed, active, kind);
    if (change == nullptr) {
        const auto waited = input.context.now - active.started_at.value_or(input.context.now);
        if (!may_begin(kind, input.observed->phase, waited)) {
            input.again = poll_fast;
            return;
        }
        step_list(active).set(step, operation_phase::running);
        input.next = {
            .kind = action_kind::request_change, .change = kind, .operation_id = active.id};
        return;
    }
    if (change->phase == change_phase::successful) {
        // The watch of the object may be behind the watch of the change; if the object never
        // changes, the operation's time ends it.
        input.again = poll_fast;
        return;
    }
    auto message = change->message.empty()
                       ? fmt::format("the operator ended the change as {}", name(change->phase))
                       : change->message;
    fail_change(input, active, step,
                change->reason.empty() ? std::string("change_failed") : change->reason,
                std::move(message));
}

std::optional<change_kind> change_left(const reconcile_input& input,
                                       const operation& active) noexcept {
    if (input.record.paused || active.kind != operation_kind::update) return std::nullopt;
    return next_change(input.record, *input.observed);
}

}  // namespace domain
