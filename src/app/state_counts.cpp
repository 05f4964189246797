#include "app/state_counts.hpp"

#include <algorithm>

#include "domain/operation_lifecycle.hpp"

namespace app {

state_counts count_states(const state_cache& cache, base::instant now,
                          std::chrono::seconds operation_timeout) {
    state_counts counted;
    for (const auto& [id, each] : cache.databases()) {
        ++counted.phases[std::size_t(each.status.phase)];
        ++counted.metrics[std::size_t(each.metrics)];
        if (each.metrics == metrics_state::fresh && each.sample) {
            counted.oldest_fresh_sample = std::max<std::chrono::nanoseconds>(
                counted.oldest_fresh_sample, now - each.sample->observed_at);
        }
        const auto* active = domain::active_operation(*each.record);
        if (active == nullptr) continue;
        ++counted.operations_unfinished;
        const bool bounded = active->kind != domain::operation_kind::delete_database;
        if (bounded && now - active->created_at > 2 * operation_timeout) {
            ++counted.operations_overdue;
        }
    }
    return counted;
}

}  // namespace app
