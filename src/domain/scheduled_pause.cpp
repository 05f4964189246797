#include "domain/scheduled_pause.hpp"

#include <algorithm>
#include <utility>

#include "domain/operation_lifecycle.hpp"
#include "domain/validate.hpp"

namespace domain {
namespace {

bool is_blocked(const database& record) noexcept {
    const auto* active = active_operation(record);
    return active != nullptr && active->kind != operation_kind::pause &&
           active->kind != operation_kind::resume;
}

}  // namespace

void note_schedule_change(const database& before, database& after, instant now) {
    if (!after.schedule) {
        after.schedule_handled_until = {};
        return;
    }
    if (before.paused != after.paused) {
        after.schedule_handled_until = std::max(after.schedule_handled_until, now);
    } else if (before.schedule != after.schedule) {
        const auto edge = latest_edge(*after.schedule, now);
        const bool is_off = edge.action == schedule_action::pause;
        after.schedule_handled_until = is_off ? edge.time - instant::duration(1) : now;
    }
}

std::optional<schedule_edge> due_edge(const database& record, instant now) {
    if (!record.schedule || record.deleted) return std::nullopt;
    const auto edge = latest_edge(*record.schedule, now);
    if (edge.time <= record.schedule_handled_until) return std::nullopt;
    return edge;
}

std::optional<schedule_edge> planned_edge(const database& record) {
    if (!record.schedule || record.deleted) return std::nullopt;
    return next_edge(*record.schedule, record.schedule_handled_until);
}

applied_edge apply_edge(const database& record, const schedule_edge& edge,
                        const std::string& operation_id, instant now) {
    const bool pauses = edge.action == schedule_action::pause;
    applied_edge result{.record = record, .outcome = edge_outcome::unchanged, .reason = {}};
    if (record.paused != pauses) {
        if (is_blocked(record)) {
            result.outcome = edge_outcome::waits;
            return result;
        }
        auto next = validate_patch(record, {.paused = pauses});
        if (next) {
            result = {.record = std::move(*next), .outcome = edge_outcome::begun, .reason = {}};
            begin_operation(result.record,
                            {.id = operation_id,
                             .kind = pauses ? operation_kind::pause : operation_kind::resume,
                             .requested_by = std::string(schedule_requester)},
                            now);
        } else if (next.error().code == base::errc::conflict) {
            result.outcome = edge_outcome::waits;
            return result;
        } else {
            result.outcome = edge_outcome::rejected;
            result.reason = next.error().text;
        }
    }
    result.record.schedule_handled_until = edge.time;
    return result;
}

}  // namespace domain
