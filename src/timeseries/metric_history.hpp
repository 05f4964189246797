#pragma once
// The recent past of one database's metrics: rows of the history metrics, compressed in memory in
// chunks of up to two hours. A value keeps 9 significant bits: at most 0.2 % away from the
// original, integers up to 512 exact. So 10,000 databases x 14 metrics x 2,880 points of a day fit
// into 350 MB, 7 bits per point. Measured per database and day (bench/history_bench.cpp): 33 KB if
// eleven metrics move by 5 % at random, 21 KB if half of them move by 2 %, 2.6 KB at rest. Plain
// value, one thread at a time; it reads no clock. The format follows "Gorilla" (VLDB 2015:
// delta-of-delta times) with adaptive Rice codes (as JPEG-LS, ITU-T T.87) of value differences.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/metric.hpp"

namespace timeseries {

using domain::metric_id;
using domain::metric_values;

// The stored metrics, in the order of a row. A change makes stored chunks unreadable: restore()
// rejects them.
inline constexpr std::array history_metrics{
    metric_id::up,
    metric_id::connections_current,
    metric_id::operations_per_second,
    metric_id::transactions_per_second,
    metric_id::reads_per_second,
    metric_id::writes_per_second,
    metric_id::errors_per_second,
    metric_id::latency_average_seconds,
    metric_id::cache_hit_ratio,
    metric_id::memory_used_bytes,
    metric_id::storage_used_bytes,
    metric_id::network_received_bytes_per_second,
    metric_id::network_sent_bytes_per_second,
    metric_id::replication_lag_seconds,
};
inline constexpr std::size_t history_columns = history_metrics.size();
bool has_history(metric_id id) noexcept;

// Returns the value as it is stored, with 9 significant bits.
double history_rounded(double value) noexcept;

class metric_history {
  public:
    struct options {
        std::chrono::seconds retention = std::chrono::hours(24);
        std::size_t chunk_rows = 240;  // and never longer than chunk_span
        std::chrono::seconds chunk_span = std::chrono::hours(2);
        std::size_t points_max = 11'000;  // of one query
    };
    // The maximum step that the error of a query proposes. The API accepts no longer one.
    static constexpr std::chrono::seconds step_max = std::chrono::hours(24);

    metric_history() = default;
    explicit metric_history(options options) : options_(options) {}

    // Adds a row and drops chunks that ended before time - retention. Times have a resolution of
    // one second. Returns false and changes nothing if the row is not newer than the last one.
    bool append(base::instant time, const metric_values& values);

    // Returns the means over [begin + k * step, begin + (k + 1) * step) for all k until `end`, NaN
    // without a value. Errors: unsupported (a metric without history), invalid (step below 1 s, end
    // before begin), invalid/"too_many_points" (field /step, or /from if no step would be long
    // enough).
    [[nodiscard]] base::outcome<std::vector<double>> query(metric_id metric, base::instant begin,
                                                           base::instant end,
                                                           std::chrono::seconds step) const;

    void drop_before(base::instant when);
    // Drops rows later than `when`, as a clock that was ahead writes them.
    void drop_after(base::instant when);

    // Chunks as self-contained bytes for the store. They are numbered from 0, the oldest, and only
    // the last one grows. `key`, the first second, identifies a chunk permanently, so that writing
    // it again replaces it.
    struct chunk_info {
        std::int64_t key = 0;
        base::instant first{};
        base::instant last{};
        std::size_t rows = 0;
        bool open = false;
    };
    [[nodiscard]] std::size_t chunk_count() const noexcept { return chunks_.size(); }
    [[nodiscard]] chunk_info describe_chunk(std::size_t index) const;
    [[nodiscard]] std::string serialize(std::size_t index) const;

    // Adds a serialized chunk. Chunks must come in time order and before any append. Errors:
    // corrupt (damaged, or not a chunk), unsupported (another version or other metrics), conflict
    // (not after the last chunk).
    base::outcome<void> restore(std::string_view bytes);

    [[nodiscard]] std::size_t bytes() const noexcept;  // memory, allocations included
    [[nodiscard]] std::optional<base::instant> last() const noexcept;

  private:
    // The state that encoder and decoder share while they walk over a chunk.
    struct walk {
        std::int64_t second = 0;
        std::int64_t delta = 0;
        std::uint32_t present = 0;  // bit per column
        std::array<std::int32_t, history_columns> code{};
        std::array<std::uint32_t, history_columns> magnitude{};  // sum of recent |differences|
        std::array<std::uint32_t, history_columns> count{};
    };
    struct chunk {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::uint32_t rows = 0;
        std::uint32_t bits = 0;
        std::vector<std::uint8_t> data;
    };
    class bit_writer;
    class bit_reader;

    static void encode_row(walk& state, chunk& chunk, std::int64_t second,
                           std::span<const std::int32_t> codes, std::uint32_t present);
    static bool decode_row(walk& state, bit_reader& source, bool first_row);
    static void adapt(walk& state, std::size_t column, std::uint32_t difference);
    static unsigned rice_parameter(const walk& state, std::size_t column);
    static base::outcome<chunk> parse(std::string_view bytes);

    options options_{};
    std::vector<chunk> chunks_;  // by time
    bool open_ = false;          // the last one may grow
    walk writing_;
};

}  // namespace timeseries
