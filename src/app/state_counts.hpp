#pragma once
// Counts of the state cache for the platform's own metrics: databases per phase, the age of the
// samples, unfinished operations. Pure.

#include <array>
#include <chrono>
#include <cstddef>

#include "app/state_cache.hpp"

namespace app {

inline constexpr std::size_t status_phase_count = std::size_t(domain::status_phase::unknown) + 1;
inline constexpr std::size_t metrics_state_count = std::size_t(metrics_state::unavailable) + 1;

struct state_counts {
    std::array<std::size_t, status_phase_count> phases{};    // by domain::status_phase
    std::array<std::size_t, metrics_state_count> metrics{};  // by metrics_state
    std::chrono::nanoseconds
        oldest_fresh_sample{};  // age of the oldest sample that counts as fresh
    std::size_t operations_unfinished = 0;
    std::size_t operations_overdue = 0;  // past twice their time limit; deletions have none
};

state_counts count_states(const state_cache& cache, base::instant now,
                          std::chrono::seconds operation_timeout);

}  // namespace app
