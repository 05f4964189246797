#pragma once
// A day of one database's metrics, made up: for benchmarks of what history costs.

#include <random>

#include "timeseries/metric_history.hpp"

namespace bench {

enum class motion : std::uint8_t { idle, usual, busy };

struct day {
    motion how = motion::usual;
    base::instant from{};
    std::chrono::seconds step{30};
    unsigned seed = 7;
};

// usual: half of the values rest, the others move by 2 %; busy: all but three move by 5 %, each row
// at random.
inline timeseries::metric_history history_of(const day& what) {
    timeseries::metric_history history;
    std::mt19937 random(what.seed);
    std::normal_distribution<double> noise(1, what.how == motion::busy ? 0.05 : 0.02);
    domain::metric_values values;
    const auto until = what.from + std::chrono::hours(24);
    for (auto at = what.from; at < until; at += what.step) {
        double scale = 10;
        int column = 0;
        for (const auto id : timeseries::history_metrics) {
            scale *= 5;
            const bool rests = what.how == motion::idle ||
                               (what.how == motion::usual ? column % 2 == 0 : column % 5 == 0);
            values[id] = rests ? scale : scale * noise(random);
            ++column;
        }
        history.append(at, values);
    }
    return history;
}

}  // namespace bench
