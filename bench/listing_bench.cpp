// Measures GET /databases with many databases: the cost of one list and of one change.

#include <benchmark/benchmark.h>

#include <random>

#include "api/read_model/list_queries.hpp"

namespace {

// Returns a model of `size` databases of three engines in a number of projects.
const api::read_model& model_of(std::int64_t size, std::int64_t projects = 100) {
    static std::map<std::pair<std::int64_t, std::int64_t>, std::unique_ptr<api::read_model>> models;
    auto& model = models[{size, projects}];
    if (model) return *model;
    model = std::make_unique<api::read_model>();
    std::mt19937_64 random(1);
    constexpr const char* engines[] = {"postgres", "redis", "mongodb"};
    for (std::int64_t number = 0; number < size; ++number) {
        auto record = std::make_shared<domain::database>();
        record->id = "db-" + std::to_string(random());
        record->name = "orders-" + std::to_string(random() % 1'000'000);
        record->project = "team-" + std::to_string(number % projects);
        record->engine = engines[random() % 3];
        record->labels = {{"team", std::to_string(number % 100)}, {"tier", "gold"}};
        record->created_at = domain::instant(std::chrono::microseconds(random() % 1'000'000'000));
        record->updated_at = record->created_at;
        auto view = std::make_shared<app::database_view>();
        view->record = std::move(record);
        view->status.phase =
            random() % 1000 == 0 ? domain::status_phase::failed : domain::status_phase::running;
        model->on_database(std::move(view), {.record = true});
    }
    return *model;
}

void list(benchmark::State& state, const char* query) {
    const auto& model = model_of(state.range(0));
    const auto wanted = api::read_list_query(query);
    for (auto _ : state) {
        auto text = api::list_databases(model, *wanted, domain::visible_projects::all());
        benchmark::DoNotOptimize(text);
    }
}

// A caller in 3 of 500 projects, whose allowed actions the documents have.
void list_of_member(benchmark::State& state, const char* query) {
    const auto& model = model_of(state.range(0), 500);
    const auto wanted = api::read_list_query(query);
    const auto caller = std::make_shared<const domain::principal>(
        domain::principal{.subject = "ada",
                          .roles = {{"team-7", domain::role::viewer},
                                    {"team-77", domain::role::developer},
                                    {"team-377", domain::role::owner}}});
    const domain::visible_projects visible(caller);
    for (auto _ : state) {
        auto text = api::list_databases(model, *wanted, visible, caller.get());
        benchmark::DoNotOptimize(text);
    }
}

// An API key that is limited to 3 databases.
void list_of_limited_key(benchmark::State& state, const char* query) {
    const auto& model = model_of(state.range(0));
    const auto wanted = api::read_list_query(query);
    std::set<std::string, std::less<>> ids;
    for (const auto& row : model.all()->databases.by_name) {
        ids.insert(row.database->record->id);
        if (ids.size() == 3) break;
    }
    const auto caller = std::make_shared<const domain::principal>(domain::principal{
        .subject = "key", .is_administrator = true, .limits = {.databases = std::move(ids)}});
    const domain::visible_projects visible(caller);
    for (auto _ : state) {
        auto text = api::list_databases(model, *wanted, visible, caller.get());
        benchmark::DoNotOptimize(text);
    }
}

void change(benchmark::State& state) {
    api::read_model model;
    auto view = std::make_shared<app::database_view>();
    for (std::int64_t number = 0; number < state.range(0); ++number) {
        auto record = std::make_shared<domain::database>();
        record->id = "db-" + std::to_string(number);
        record->name = record->id;
        view = std::make_shared<app::database_view>();
        view->record = std::move(record);
        model.on_database(view, {.record = true});
    }
    std::uint64_t version = 0;
    for (auto _ : state) {
        auto next = std::make_shared<app::database_view>(*view);
        next->version = ++version;
        next->status.phase =
            version % 2 == 0 ? domain::status_phase::running : domain::status_phase::degraded;
        model.on_database(std::move(next), {.status = true});
    }
}

BENCHMARK_CAPTURE(list, first_page, "")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list, by_update, "sort=-updated_at")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list, by_status, "status=failed")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list, by_project, "project=team-7")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list, by_label, "label=team=7")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list, search, "q=77777")->Arg(10'000)->Arg(50'000)->Arg(100'000);
BENCHMARK_CAPTURE(list, search_short, "q=777")->Arg(100'000);
BENCHMARK_CAPTURE(list, search_all, "q=o")->Arg(100'000);
BENCHMARK_CAPTURE(list, search_none, "q=absent")->Arg(100'000);
BENCHMARK_CAPTURE(list, search_by_update, "q=777&sort=-updated_at")->Arg(100'000);
BENCHMARK_CAPTURE(list, by_exact_name, "name=orders-77777")->Arg(100'000);
BENCHMARK_CAPTURE(list_of_member, first_page, "")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list_of_member, search, "q=77777")->Arg(10'000);
BENCHMARK_CAPTURE(list_of_limited_key, first_page, "")->Arg(10'000)->Arg(50'000);
BENCHMARK_CAPTURE(list_of_limited_key, by_update, "sort=-updated_at")->Arg(50'000);
BENCHMARK_CAPTURE(list, large_page, "limit=500")->Arg(10'000);
BENCHMARK(change)->Arg(10'000)->Arg(50'000);

}  // namespace
