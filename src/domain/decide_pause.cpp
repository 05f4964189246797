#include <algorithm>
#include <ranges>

#include "domain/decide_parts.hpp"
#include "domain/operation_steps.hpp"
#include "domain/spec_difference.hpp"

namespace domain {
namespace {

constexpr std::string_view step_of_pause = "apply_pause";

}  // namespace

bool is_pause_change(const operation& operation) noexcept {
    return operation.kind == operation_kind::pause || operation.kind == operation_kind::resume;
}

bool is_pause_unwritten(const database& record) noexcept {
    for (const auto& operation : record.operations | std::views::reverse) {
        if (operation.is_terminal() && operation.phase != operation_phase::superseded) return false;
        const bool is_written =
            std::ranges::any_of(operation.steps, [](const operation_step& step) {
                return step.name == step_of_pause && step.phase == operation_phase::succeeded;
            });
        if (is_written || is_pause_change(operation)) return !is_written;
    }
    return false;
}

void update_object(reconcile_input& input, operation& active, bool is_pause_written) {
    input.act(action_kind::update_object);
    if (!is_pause_written) return;
    step_list(active).set(step_of_pause, operation_phase::running);
    input.next.operation_id = active.id;
    input.again = poll_fast;  // an unchanged object causes no watch event
}

void note_pause_written(operation& active) {
    step_list(active).set(step_of_pause, operation_phase::succeeded);
}

void reset_desired(database& record, const operation& failed, const observed_database& observed) {
    const bool is_update = failed.kind == operation_kind::update;
    if (is_update) adopt_observed_spec(record, observed);
    if (is_update || is_pause_change(failed)) record.paused = observed.paused;
}

}  // namespace domain
