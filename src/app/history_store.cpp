#include "app/history_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/store_failure.hpp"
#include "base/time_text.hpp"

namespace app {
namespace {

using base::errc;
const std::string collection = "history";
// A clock that is set back by up to this duration leaves a gap only.
constexpr std::chrono::minutes ahead_max{5};
// Rows that are ahead of the clock are dropped after this time. A clock that is wrong when a
// machine starts is corrected earlier.
constexpr std::chrono::minutes drop_ahead_after{10};

// The owner stores an open chunk after open_chunk_every and up to this time later.
constexpr std::chrono::minutes store_delay_max{5};

// The ids of a database's chunks sort by time as text, so that the store returns them in order.
std::string document_id(const std::string& id, std::int64_t key) {
    return fmt::format("{}/{:012}", id, key);
}

}  // namespace

// Drops rows that are ahead of the clock: the history accepts no row that is older than its newest.
// The present clock may be the wrong one, so that the rows are dropped only if they stay ahead for
// `drop_ahead_after`.
void history_store::drop_ahead(const std::string& id, history& target, base::instant time) {
    const auto newest = target.rows.last();
    if (!newest || *newest <= time + ahead_max) {
        target.ahead_since.reset();
        return;
    }
    if (!target.ahead_since) target.ahead_since = clock_.now();
    if (clock_.now() - *target.ahead_since < drop_ahead_after) return;
    target.ahead_since.reset();
    target.rows.drop_after(time);
    log_.warning("history_ahead_of_clock_dropped",
                 {{"database_id", id}, {"newest", base::to_rfc3339(*newest)}});
}

void history_store::restore(const std::string& id, history& target,
                            const std::vector<ports::document>& documents) {
    for (const auto& document : documents) {
        auto restored = target.rows.restore(document.body);
        if (!restored) {
            log_.warning("history_chunk_dropped", {{"database_id", id},
                                                   {"chunk", document.id},
                                                   {"code", base::name(restored.error().code)}});
            const auto slash = document.id.rfind('/');
            const auto key = std::atoll(document.id.c_str() + slash + 1);
            target.stored[key] = {.revision = document.revision, .rows = 0};
            continue;
        }
        const auto chunk = target.rows.describe_chunk(target.rows.chunk_count() - 1);
        target.stored[chunk.key] = {.revision = document.revision, .rows = chunk.rows};
    }
}

aio::task<> history_store::load(std::string id) {
    histories_[id].is_loading = true;
    std::vector<ports::document> documents;
    std::string after;
    while (true) {
        auto page = co_await store_.find({.collection = collection,
                                          .index_name = "database",
                                          .index_value = id,
                                          .after = after,
                                          .limit = 100});
        auto it = histories_.find(id);
        if (it == histories_.end()) co_return base::ok();  // forgotten during the read
        if (!page) {
            it->second.is_loading = false;
            co_return pass_store(std::move(page), "read the history");
        }
        std::ranges::move(page->items, std::back_inserter(documents));
        if (!page->next.empty()) {
            after = page->next;
            continue;
        }
        auto& target = it->second;
        target.rows = timeseries::metric_history({.retention = options_.retention});
        restore(id, target, documents);
        add_noted_rows(id, target);
        target.open_stored = clock_.utc_now();
        target.is_loaded = true;
        target.is_loading = false;
        co_return base::ok();
    }
}

aio::task<> history_store::append(std::string id, base::instant time,
                                  domain::metric_values values) {
    if (options_.retention.count() == 0) co_return base::ok();
    auto& present = histories_[id];
    if (present.is_loading) co_return base::ok();  // skips one row rather than wait
    if (!present.is_loaded) {
        auto loaded = co_await load(id);
        if (!loaded) co_return loaded;
    }
    const auto now = histories_.find(id);
    if (now == histories_.end() || !now->second.is_loaded) co_return base::ok();
    noted_.erase(id);  // this process is the owner, and the rows are loaded
    drop_ahead(id, now->second, time);
    now->second.rows.append(time, values);
    co_return base::ok();
}

void history_store::note_row(const std::string& id, base::instant time,
                             const domain::metric_values& values) {
    if (options_.retention.count() == 0) return;
    auto& rows = noted_[id];
    if (!rows.empty() && time <= rows.back().time) return;
    const auto oldest = time - options_.open_chunk_every - store_delay_max;
    const auto end = std::ranges::find_if(rows, [&](const auto& row) { return row.time > oldest; });
    rows.erase(rows.begin(), end);
    auto& row = rows.emplace_back(noted_row{.time = time});
    for (std::size_t column = 0; column < timeseries::history_columns; ++column) {
        row.values[column] = static_cast<float>(values[timeseries::history_metrics[column]]);
    }
}

void history_store::add_noted_rows(const std::string& id, history& target) {
    const auto it = noted_.find(id);
    if (it == noted_.end()) return;
    for (const auto& row : it->second) {
        domain::metric_values values;
        for (std::size_t column = 0; column < timeseries::history_columns; ++column) {
            values[timeseries::history_metrics[column]] = row.values[column];
        }
        target.rows.append(row.time, values);  // skips the rows that the owner has stored
    }
}

aio::task<history_points> history_store::read(history_request request) {
    auto& present = histories_[request.database_id];
    if (present.is_loading) {
        co_return base::fail(errc::unavailable, "the history is being read from the store",
                             "history_loading");
    }
    if (!present.is_loaded) {
        auto loaded = co_await load(request.database_id);
        if (!loaded) co_return base::pass(std::move(loaded));
    }
    history_points result{.step = request.step};
    const auto it = histories_.find(request.database_id);
    if (it == histories_.end()) co_return result;
    auto values = it->second.rows.query(request.metric, request.begin, request.end, request.step);
    if (!values) co_return base::pass(std::move(values));
    result.points.reserve(values->size());
    auto when = request.begin;
    for (const double value : *values) {
        result.points.emplace_back(when, value);
        when += request.step;
    }
    co_return result;
}

void history_store::collect(const std::string& id, history& source, bool everything,
                            std::vector<ports::put_request>& puts,
                            std::vector<pending_chunk>& chunks) {
    const bool open_is_due =
        everything || clock_.utc_now() - source.open_stored >= options_.open_chunk_every;
    for (std::size_t index = 0; index < source.rows.chunk_count(); ++index) {
        const auto chunk = source.rows.describe_chunk(index);
        const auto stored = source.stored.find(chunk.key);
        const bool is_stored = stored != source.stored.end();
        if (is_stored && stored->second.rows == chunk.rows) continue;
        if (chunk.open && !open_is_due) continue;
        puts.push_back({.collection = collection,
                        .content = {.id = document_id(id, chunk.key),
                                    .body = source.rows.serialize(index),
                                    .index = {{"database", id}}},
                        .expected = is_stored ? stored->second.revision : 0});
        chunks.push_back({.id = id, .key = chunk.key, .rows = chunk.rows});
    }
    if (open_is_due) source.open_stored = clock_.utc_now();
}

aio::task<> history_store::write(std::vector<ports::put_request> puts,
                                 std::vector<pending_chunk> chunks) {
    auto results = co_await store_.put_bulk(std::move(puts));
    if (!results) co_return base::pass(std::move(results), "store the history");
    for (std::size_t index = 0; index < results->size(); ++index) {
        const auto& result = (*results)[index];
        const auto it = histories_.find(chunks[index].id);
        if (it == histories_.end()) continue;
        if (result) {
            probe_.history_chunks_written.add();
            it->second.stored[chunks[index].key] = {.revision = *result,
                                                    .rows = chunks[index].rows};
        } else if (result.error().code == errc::precondition) {
            // An earlier write succeeded and its response was lost. Read the revision.
            auto document =
                co_await store_.get(collection, document_id(chunks[index].id, chunks[index].key));
            const auto again = histories_.find(chunks[index].id);
            if (document && again != histories_.end()) {
                again->second.stored[chunks[index].key] = {.revision = document->revision,
                                                           .rows = 0};
            }
        }
    }
    co_return base::ok();
}

aio::task<> history_store::remove_outdated() {
    const auto limit = clock_.utc_now() - options_.retention;
    std::vector<std::pair<std::string, std::int64_t>> outdated;
    for (auto& [id, each] : histories_) {
        if (!each.is_loaded) continue;
        each.rows.drop_before(limit);
        std::set<std::int64_t> present;
        for (std::size_t index = 0; index < each.rows.chunk_count(); ++index) {
            present.insert(each.rows.describe_chunk(index).key);
        }
        for (const auto& [key, chunk] : each.stored) {
            if (!present.contains(key)) outdated.emplace_back(id, key);
        }
    }
    for (const auto& [id, key] : outdated) {
        auto removed =
            co_await store_.remove({.collection = collection, .id = document_id(id, key)});
        if (!removed) co_return base::pass(std::move(removed), "remove old history");
        const auto it = histories_.find(id);
        if (it != histories_.end()) it->second.stored.erase(key);
    }
    co_return base::ok();
}

aio::task<> history_store::remove_forgotten() {
    const auto ids = forgotten_;
    for (const auto& id : ids) {
        auto page = co_await store_.find(
            {.collection = collection, .index_name = "database", .index_value = id, .limit = 1000});
        if (!page) co_return base::pass(std::move(page), "find the history of a removed database");
        for (const auto& document : page->items) {
            auto removed = co_await store_.remove({.collection = collection, .id = document.id});
            if (!removed) co_return base::pass(std::move(removed), "remove history");
        }
        forgotten_.erase(id);
    }
    co_return base::ok();
}

aio::task<> history_store::flush(bool everything) {
    std::vector<std::string> ids;
    ids.reserve(histories_.size());
    for (const auto& [id, each] : histories_) {
        if (each.is_loaded) ids.push_back(id);
    }
    std::vector<ports::put_request> puts;
    std::vector<pending_chunk> chunks;
    for (const auto& id : ids) {
        const auto it = histories_.find(id);
        if (it == histories_.end()) continue;
        collect(id, it->second, everything, puts, chunks);
        if (puts.size() < options_.bulk) continue;
        auto written = co_await write(std::exchange(puts, {}), std::exchange(chunks, {}));
        if (!written) co_return written;
    }
    if (!puts.empty()) {
        auto written = co_await write(std::move(puts), std::move(chunks));
        if (!written) co_return written;
    }
    auto removed = co_await remove_outdated();
    if (!removed) co_return removed;
    co_return co_await remove_forgotten();
}

void history_store::unload(const std::string& id) {
    const auto it = histories_.find(id);
    if (it != histories_.end() && !it->second.is_loading) histories_.erase(it);
}

void history_store::forget(const std::string& id) {
    histories_.erase(id);
    noted_.erase(id);
    forgotten_.insert(id);
}

std::size_t history_store::bytes() const noexcept {
    std::size_t sum = 0;
    for (const auto& [id, each] : histories_) sum += each.rows.bytes();
    return sum;
}

}  // namespace app
