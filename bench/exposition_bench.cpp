// Measures how fast the parser reads exporter pages. The pages are in the folder
// DBAAS_EXPORTER_PAGES, or in src/scrape/testdata if the variable is not set. "all" yields every
// sample. "mapped" reads the samples of the engine's plan, as each scrape does.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "scrape/exposition.hpp"
#include "scrape/mapping.hpp"

namespace {

namespace fs = std::filesystem;

std::string file_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void count(benchmark::State& state, const std::string& page) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(page.size()));
}

void read_all(benchmark::State& state, const std::string& page) {
    scrape::page_reader reader;
    scrape::sample line;
    for (auto _ : state) {
        double sum = 0;
        reader.open(page, scrape::page_format::text);
        while (reader.next(line)) sum += line.value;
        benchmark::DoNotOptimize(sum);
        if (!reader.finish()) return state.SkipWithError("malformed page");
    }
    count(state, page);
}

void read_mapped(benchmark::State& state, const std::string& page, const std::string& engine) {
    const auto* const plan = scrape::find_plan(engine);
    scrape::page_reader reader;
    for (auto _ : state) {
        auto reading = plan->read(page, scrape::page_format::text, reader);
        benchmark::DoNotOptimize(reading);
        if (!reading) return state.SkipWithError("malformed page");
    }
    count(state, page);
}

void add_folder(const fs::path& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const auto name = entry.path().stem().string();
        if (entry.path().extension() != ".prom" || !name.ends_with("-1")) continue;
        // The benchmarks own the page: they run after this function returns.
        const auto page = std::make_shared<const std::string>(file_text(entry.path()));
        benchmark::RegisterBenchmark(("exposition/all/" + name).c_str(),
                                     [page](benchmark::State& state) { read_all(state, *page); });
        const auto engine = name.substr(0, name.find_first_of("-_"));
        if (scrape::find_plan(engine) == nullptr) continue;
        benchmark::RegisterBenchmark(
            ("exposition/mapped/" + name).c_str(),
            [page, engine](benchmark::State& state) { read_mapped(state, *page, engine); });
    }
}

const bool added = [] {
    const char* const variable = std::getenv("DBAAS_EXPORTER_PAGES");
    const fs::path folder = variable != nullptr ? variable : "";
    add_folder(!folder.empty() ? folder : fs::path(DBAAS_SOURCE_DIR) / "src/scrape/testdata");
    return true;
}();

}  // namespace
