// dbaas_bench_remember FILE STEP: writes a day of history into a platform's store for each of its
// databases, with a row every STEP seconds until now. It serves to measure the memory of a day
// without a run of a day. The platform must not run.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "aio/block_on.hpp"
#include "bench/day.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "sqlite/store.hpp"

namespace {

using namespace std::chrono_literals;
constexpr unsigned different_days = 32;
constexpr std::size_t bulk = 500;

struct written_chunk {
    std::int64_t key = 0;
    std::string bytes{};
};
using written_day = std::vector<written_chunk>;

// Returns busy days, which need the most memory.
std::vector<written_day> make_days(std::chrono::seconds step) {
    const auto now =
        std::chrono::time_point_cast<std::chrono::seconds>(base::system_clock().utc_now());
    std::vector<written_day> days(different_days);
    for (unsigned number = 0; number < different_days; ++number) {
        const auto history = bench::history_of(
            {.kind = bench::motion::busy, .start = now - 24h + 60s, .step = step, .seed = number});
        for (std::size_t index = 0; index < history.chunk_count(); ++index) {
            days[number].push_back(
                {.key = history.describe_chunk(index).key, .bytes = history.serialize(index)});
        }
    }
    return days;
}

aio::task<std::vector<std::string>> ids_of(ports::document_store& store) {
    std::vector<std::string> ids;
    std::string after;
    do {
        auto page = co_await store.find({.collection = "databases", .after = after, .limit = 1000});
        if (!page) co_return base::pass(std::move(page), "list the databases");
        for (const auto& each : page->items) ids.push_back(each.id);
        after = page->next;
    } while (!after.empty());
    co_return ids;
}

aio::task<> remember(ports::document_store& store, std::chrono::seconds step) {
    const auto ids = co_await ids_of(store);
    if (!ids) co_return base::outcome<void>(std::unexpected(ids.error()));
    const auto days = make_days(step);
    std::vector<ports::put_request> puts;
    std::size_t number = 0;
    for (const auto& id : *ids) {
        // Delete the platform's own history: it covers only a few seconds.
        auto own = co_await store.find(
            {.collection = "history", .index_name = "database", .index_value = id, .limit = 1000});
        if (!own) co_return base::pass(std::move(own), "find stored history");
        for (const auto& each : own->items) {
            auto removed = co_await store.remove({.collection = "history", .id = each.id});
            if (!removed) co_return removed;
        }
        for (const auto& [key, bytes] : days[number++ % days.size()]) {
            puts.push_back({.collection = "history",
                            .content = {.id = fmt::format("{}/{:012}", id, key),
                                        .body = bytes,
                                        .index = {{"database", id}}}});
        }
        if (puts.size() < bulk && number < ids->size()) continue;
        auto results = co_await store.put_bulk(std::exchange(puts, {}));
        if (!results) co_return base::pass(std::move(results), "write");
        for (const auto& each : *results) {
            if (!each) co_return base::outcome<void>(std::unexpected(each.error()));
        }
    }
    fmt::print("{} databases\n", ids->size());
    co_return co_await store.close();
}

}  // namespace

int main(int count, char** words) {
    const int step = count == 3 ? std::atoi(words[2]) : 0;
    if (step < 1) {
        std::fputs("usage: dbaas_bench_remember FILE STEP\n", stderr);
        return 2;
    }
    obs::registry registry;
    auto store = sqlite::open_store({.path = words[1]}, obs::null_log(), registry);
    if (!store) {
        fmt::print(stderr, "remember: {}\n", store.error().text);
        return 1;
    }
    const auto done = aio::block_on(remember(**store, std::chrono::seconds(step)));
    if (!done) fmt::print(stderr, "remember: {}\n", done.error().text);
    return done ? 0 : 1;
}
