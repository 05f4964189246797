// Measures a day of history: the time to append a row and to query an hour or a day, and the memory
// per database.
#include <benchmark/benchmark.h>

#include "bench/day.hpp"

namespace {

using namespace std::chrono_literals;
constexpr base::instant start{1'800'000'000s};
constexpr int rows_of_a_day = 2880;

timeseries::metric_history day_of(bench::motion kind) {
    return bench::history_of({.kind = kind, .start = start});
}

void history_append_day(benchmark::State& state) {
    const auto kind = static_cast<bench::motion>(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(day_of(kind));
    state.SetItemsProcessed(state.iterations() * rows_of_a_day);
    state.counters["bytes"] = double(day_of(kind).bytes());
}
BENCHMARK(history_append_day)
    ->Arg(int(bench::motion::idle))
    ->Arg(int(bench::motion::usual))
    ->Arg(int(bench::motion::busy));

void history_query(benchmark::State& state) {
    const auto history = day_of(bench::motion::usual);
    const auto until = start + 24h;
    for (auto _ : state) {
        auto points = history.query(domain::metric_id::operations_per_second,
                                    until - std::chrono::hours(state.range(0)), until, 300s);
        benchmark::DoNotOptimize(points);
    }
}
BENCHMARK(history_query)->Arg(1)->Arg(24);

}  // namespace
