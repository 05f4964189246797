#pragma once
// The last 24 hours of each database's metrics: in memory as compressed chunks, in the store as one
// document per chunk, written in bulk. The store's chunks of a database are read before its first
// new row. If stored rows are far ahead of new rows for ten minutes, the earlier clock was wrong
// and the stored rows are deleted. Until then the present clock may be wrong, and new rows are
// dropped. Lives on the control loop.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/app_metrics.hpp"
#include "app/live_reads.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"
#include "timeseries/metric_history.hpp"

namespace app {

struct history_options {
    std::chrono::seconds retention = std::chrono::hours(24);  // 0: nothing is kept
    // An unfinished chunk is stored again after this time. A crash loses at most these rows.
    std::chrono::seconds open_chunk_every = std::chrono::minutes(10);
    std::size_t bulk = 500;
};

class history_store {
  public:
    history_store(ports::document_store& store, const base::clock& clock, obs::log& log,
                  app::probe& probe, history_options options)
        : store_(store), clock_(clock), log_(log), probe_(probe), options_(options) {}

    // Errors: unavailable (nothing was added; damaged chunks are dropped with a log line).
    aio::task<> append(std::string id, base::instant time, domain::metric_values values);
    // Keeps a row that the owner of the database has not stored yet. Reads and a takeover add it to
    // the stored rows. No-op if the row is not newer than the last one.
    void note_row(const std::string& id, base::instant time, const domain::metric_values& values);
    // Errors: invalid (range; too many points: field /step), unsupported (no history of
    // the metric), unavailable (/"history_loading":
    // another request is reading the stored rows).
    aio::task<history_points> read(history_request request);
    // Writes changed chunks and deletes outdated ones. `everything`: unfinished chunks too.
    aio::task<> flush(bool everything);
    // Drops the rows of a database from memory, so that the next call reads the stored ones. Rows
    // that no flush() has written are lost.
    void unload(const std::string& id);
    // Deletes the history of a deleted database. A later flush deletes what this call cannot.
    void forget(const std::string& id);

    [[nodiscard]] std::size_t bytes() const noexcept;

  private:
    struct stored_chunk {
        ports::revision revision = 0;
        std::size_t rows = 0;
    };
    struct history {
        timeseries::metric_history rows;
        std::map<std::int64_t, stored_chunk> stored;  // by chunk key
        base::instant open_stored{};
        std::optional<base::steady_time> ahead_since;  // when a new row first was far behind
        bool is_loaded = false;
        bool is_loading = false;
    };
    struct pending_chunk {
        std::string id;
        std::int64_t key = 0;
        std::size_t rows = 0;
    };
    // A row of another owner, with the metrics of the history alone.
    struct noted_row {
        base::instant time{};
        std::array<float, timeseries::history_columns> values{};  // NaN: absent
    };
    void add_noted_rows(const std::string& id, history& target);
    aio::task<> load(std::string id);
    void drop_ahead(const std::string& id, history& target, base::instant time);
    void restore(const std::string& id, history& target,
                 const std::vector<ports::document>& documents);
    void collect(const std::string& id, history& source, bool everything,
                 std::vector<ports::put_request>& puts, std::vector<pending_chunk>& chunks);
    aio::task<> write(std::vector<ports::put_request> puts, std::vector<pending_chunk> chunks);
    aio::task<> remove_outdated();
    aio::task<> remove_forgotten();

    ports::document_store& store_;
    const base::clock& clock_;
    obs::log& log_;
    app::probe& probe_;
    history_options options_;
    std::unordered_map<std::string, history> histories_;
    std::unordered_map<std::string, std::vector<noted_row>> noted_;  // by database
    std::set<std::string> forgotten_;
};

}  // namespace app
