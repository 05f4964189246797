#pragma once
// Generates a day of one database's metrics for benchmarks of the metric history.

#include <random>

#include "timeseries/metric_history.hpp"

namespace bench {

enum class motion : std::uint8_t { idle, usual, busy };

struct day {
    motion kind = motion::usual;
    base::instant start{};
    std::chrono::seconds step{30};
    unsigned seed = 7;
};

// Returns the history of a day. idle: all values stay constant. usual: half of the values change by
// 2 % per row. busy: four of five values change by 5 % per row. The changes are random.
inline timeseries::metric_history history_of(const day& options) {
    timeseries::metric_history history;
    std::mt19937 random(options.seed);
    std::normal_distribution<double> noise(1, options.kind == motion::busy ? 0.05 : 0.02);
    domain::metric_values values;
    const auto end = options.start + std::chrono::hours(24);
    for (auto time = options.start; time < end; time += options.step) {
        double scale = 10;
        int column = 0;
        for (const auto id : timeseries::history_metrics) {
            scale *= 5;
            const bool is_constant =
                options.kind == motion::idle ||
                (options.kind == motion::usual ? column % 2 == 0 : column % 5 == 0);
            values[id] = is_constant ? scale : scale * noise(random);
            ++column;
        }
        history.append(time, values);
    }
    return history;
}

}  // namespace bench
