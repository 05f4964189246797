// What a day of history costs: time to append a row and to ask for an hour or a day, and the memory
// held per database.
#include <benchmark/benchmark.h>

#include <random>

#include "domain/history.hpp"

namespace {

using namespace std::chrono_literals;
constexpr base::instant start{1'800'000'000s};
constexpr int rows_of_a_day = 2880;

enum kind : int { idle, usual, busy };

// usual: half of the values rest, the others move by 2 %; busy: all but three move by 5 %, each row
// at random.
domain::metric_history day_of(kind how) {
    domain::metric_history history;
    std::mt19937 random(7);
    std::normal_distribution<double> noise(1, how == busy ? 0.05 : 0.02);
    domain::metric_values values;
    for (int row = 0; row < rows_of_a_day; ++row) {
        double scale = 10;
        int column = 0;
        for (const auto id : domain::history_metrics) {
            scale *= 5;
            const bool rests = how == idle || (how == usual ? column % 2 == 0 : column % 5 == 0);
            values[id] = rests ? scale : scale * noise(random);
            ++column;
        }
        history.append(start + row * 30s, values);
    }
    return history;
}

void history_append_day(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(day_of(static_cast<kind>(state.range(0))));
    state.SetItemsProcessed(state.iterations() * rows_of_a_day);
    state.counters["bytes"] = double(day_of(static_cast<kind>(state.range(0))).bytes());
}
BENCHMARK(history_append_day)->Arg(idle)->Arg(usual)->Arg(busy);

void history_query(benchmark::State& state) {
    const auto history = day_of(usual);
    const auto until = start + 24h;
    for (auto _ : state) {
        auto points = history.query(domain::metric_id::operations_per_second,
                                    until - std::chrono::hours(state.range(0)), until, 300s);
        benchmark::DoNotOptimize(points);
    }
}
BENCHMARK(history_query)->Arg(1)->Arg(24);

}  // namespace
