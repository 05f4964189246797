// Measures the page /metrics/databases of many databases with 34 series each: plain and compressed.

#include <benchmark/benchmark.h>

#include <random>

#include "api/read_model/exposition_page.hpp"

namespace {

constexpr base::instant sampled_at{std::chrono::seconds(1'800'000'000)};

const api::read_model& model_of(std::int64_t size) {
    static std::map<std::int64_t, std::unique_ptr<api::read_model>> models;
    auto& model = models[size];
    if (model) return *model;
    model = std::make_unique<api::read_model>();
    std::mt19937_64 random(1);
    for (std::int64_t number = 0; number < size; ++number) {
        auto record = std::make_shared<domain::database>();
        record->id = "db-" + std::to_string(random() % 1'000'000'000'000);
        record->name = "orders-" + std::to_string(number);
        record->project = "team-" + std::to_string(number % 100);
        record->engine = "postgres";
        record->version = "17.9";
        auto sample = std::make_shared<domain::metrics_sample>();
        sample->observed_at = sampled_at;
        for (const auto& metric : domain::all_metrics()) {
            sample->values[metric.id] = static_cast<double>(random() % 1'000'000) / 64;
        }
        auto view = std::make_shared<app::database_view>();
        view->record = std::move(record);
        view->sample = std::move(sample);
        view->metrics = app::metrics_state::fresh;
        model->on_database(std::move(view), {.record = true});
    }
    return *model;
}

void page(benchmark::State& state, api::exposition_format format) {
    const auto& model = model_of(state.range(0));
    std::size_t bytes = 0;
    std::chrono::steady_clock::duration longest{};
    for (auto _ : state) {
        api::exposition_page page(model, {}, domain::visible_projects::all(), sampled_at, format);
        bool has_more = true;
        while (has_more) {
            const auto start = std::chrono::steady_clock::now();
            has_more = page.write_part();
            longest = std::max(longest, std::chrono::steady_clock::now() - start);
        }
        const auto text = page.finish();
        bytes = text.size();
    }
    state.counters["bytes"] = static_cast<double>(bytes);
    state.counters["longest_part_ms"] = std::chrono::duration<double, std::milli>(longest).count();
}

BENCHMARK_CAPTURE(page, plain, {.is_open_metrics = true})
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(page, gzip, {.is_open_metrics = true, .is_compressed = true})
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
