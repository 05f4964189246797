#include "domain/operation_lifecycle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

namespace domain {
namespace {

// Returns the newest operation that has not ended, or nullptr.
auto newest_active(auto& record) noexcept {
    const auto newest_first = std::views::reverse(record.operations);
    const auto it = std::ranges::find_if_not(newest_first, &operation::is_terminal);
    return it == newest_first.end() ? nullptr : &*it;
}

}  // namespace

void begin_operation(database& record, operation started, base::instant now) {
    for (auto& earlier : record.operations) {
        if (earlier.is_terminal()) continue;
        const bool cancelled = started.kind == operation_kind::delete_database;
        finish(earlier, cancelled ? operation_phase::cancelled : operation_phase::superseded, now,
               {}, fmt::format("{} by {}", cancelled ? "cancelled" : "superseded", started.id));
    }
    started.created_at = now;
    started.database_id = record.id;
    started.project = record.project;
    record.operations.push_back(std::move(started));
    while (record.operations.size() > operations_kept_max) {
        record.operations.erase(record.operations.begin());
    }
}

const operation* active_operation(const database& record) noexcept {
    return newest_active(record);
}

operation* active_operation(database& record) noexcept {
    return newest_active(record);
}

void start(operation& operation, base::instant now) {
    if (operation.phase != operation_phase::queued) return;
    operation.phase = operation_phase::running;
    operation.started_at = now;
}

void finish(operation& operation, operation_phase phase, base::instant now, std::string code,
            std::string message) {
    operation.phase = phase;
    if (!operation.started_at) operation.started_at = now;
    operation.finished_at = now;
    operation.error_code = std::move(code);
    operation.error_message = std::move(message);
    for (auto& step : operation.steps) {
        if (step.phase == operation_phase::running) step.phase = phase;
    }
    if (phase == operation_phase::succeeded) operation.progress = 100;
}

}  // namespace domain
