#include "app/operation_ages.hpp"

#include "domain/operation_lifecycle.hpp"

namespace app {

void operation_ages::note(const domain::database& record, base::steady_time now) {
    const auto* const active = domain::active_operation(record);
    if (active == nullptr || active->phase != domain::operation_phase::running) {
        forget(record.id);
        return;
    }
    auto& known = running_[record.id];
    if (known.id != active->id) known = {.id = active->id, .first_seen = now};
}

void operation_ages::forget(std::string_view database_id) {
    const auto known = running_.find(database_id);
    if (known != running_.end()) running_.erase(known);
}

std::chrono::nanoseconds operation_ages::age(const domain::database& record,
                                             base::steady_time now) const {
    const auto* const active = domain::active_operation(record);
    const auto known = running_.find(record.id);
    if (active == nullptr || known == running_.end() || known->second.id != active->id) return {};
    return now - known->second.first_seen;
}

}  // namespace app
