#include "timeseries/metric_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace timeseries {
namespace {

using seconds_point = std::chrono::sys_seconds;

constexpr int mantissa_bits = 8;  // after the leading one
constexpr int exponent_min = -30;
constexpr int exponent_max = 63;
constexpr std::int32_t code_max = ((exponent_max - exponent_min + 1) << mantissa_bits);

// Rice codes: up to 12 ones and a zero, then k bits; 13 ones announce the difference in plain bits.
constexpr unsigned escape_ones = 13;
constexpr unsigned escape_bits = 17;
constexpr unsigned rice_max = 14;
constexpr std::uint32_t adapt_window = 16;
static_assert((2 * 2 * code_max) < (1 << escape_bits));

constexpr char magic[] = {'m', 'h'};
constexpr std::uint8_t version = 1;
constexpr std::size_t header_bytes = 2 + 1 + 1 + 4 + 8 + 4 + 4;
constexpr std::size_t checksum_bytes = 4;

// A double as an integer whose order is that of the doubles: exponent and the first bits of the
// mantissa, rounded.
std::int32_t code_of(double value) noexcept {
    const double size = std::abs(value);
    if (!(size >= std::ldexp(1.0, exponent_min))) return 0;
    std::int32_t code = code_max;
    if (size < std::ldexp(1.0, exponent_max)) {
        const auto bits =
            std::bit_cast<std::uint64_t>(size) + (std::uint64_t{1} << (51 - mantissa_bits));
        const auto top = static_cast<std::int64_t>(bits >> (52 - mantissa_bits));
        code = static_cast<std::int32_t>(top - ((1023LL + exponent_min) << mantissa_bits)) + 1;
    }
    return value < 0 ? -code : code;
}

double value_of(std::int32_t code) noexcept {
    if (code == 0) return 0;
    const auto top = static_cast<std::uint64_t>(std::abs(code) - 1) +
                     (static_cast<std::uint64_t>(1023 + exponent_min) << mantissa_bits);
    const double size = std::bit_cast<double>(top << (52 - mantissa_bits));
    return code < 0 ? -size : size;
}

std::uint32_t zigzag(std::int64_t number) noexcept {
    return static_cast<std::uint32_t>((number << 1) ^ (number >> 63));
}
std::int32_t unzigzag(std::uint32_t number) noexcept {
    return static_cast<std::int32_t>(number >> 1) ^ -static_cast<std::int32_t>(number & 1);
}

// CRC-32C (RFC 3720, appendix B.4).
std::uint32_t checksum(std::string_view bytes) noexcept {
    static constexpr auto table = [] {
        std::array<std::uint32_t, 256> entries{};
        for (std::uint32_t index = 0; index < 256; ++index) {
            std::uint32_t word = index;
            for (int bit = 0; bit < 8; ++bit) word = (word >> 1) ^ ((word & 1) ? 0x82F63B78U : 0);
            entries[index] = word;
        }
        return entries;
    }();
    std::uint32_t sum = ~0U;
    for (const char byte : bytes) {
        sum = table[(sum ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (sum >> 8);
    }
    return ~sum;
}

// Differs if the stored metrics differ.
std::uint32_t fingerprint() noexcept {
    std::string names;
    for (const auto id : history_metrics) {
        names += describe(id).name;
        names += ' ';
    }
    return checksum(names);
}

template <class Integer>
void put(std::string& out, Integer value) {
    for (std::size_t byte = 0; byte < sizeof(Integer); ++byte) {
        out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * byte));
    }
}

template <class Integer>
Integer take(std::string_view& source) {
    std::uint64_t value = 0;
    for (std::size_t byte = 0; byte < sizeof(Integer); ++byte) {
        value |= std::uint64_t{static_cast<unsigned char>(source[byte])} << (8 * byte);
    }
    source.remove_prefix(sizeof(Integer));
    return static_cast<Integer>(value);
}

seconds_point whole_second(base::instant time) {
    return std::chrono::floor<std::chrono::seconds>(time);
}

base::instant instant_of(std::int64_t second) {
    return base::instant(std::chrono::seconds(second));
}

std::unexpected<base::failure> invalid_field(std::string_view name, std::string message) {
    base::failure failure{.code = base::errc::invalid,
                          .text = fmt::format("{}: {}", name, message)};
    failure.fields.push_back({fmt::format("/{}", name), "out_of_range", std::move(message)});
    return std::unexpected(std::move(failure));
}

constexpr std::uint64_t seconds_per_day = 86'400;

// The request cannot succeed later, so it is invalid, not a limit that other requests share.
base::failure too_many_points(std::uint64_t points, std::uint64_t points_max,
                              std::uint64_t range_seconds) {
    const auto step_min = (range_seconds + points_max - 1) / points_max;
    const auto step_max = static_cast<std::uint64_t>(metric_history::step_max.count());
    const bool is_too_long = step_min > step_max;
    const auto remedy = is_too_long ? fmt::format("a range of at most {} days",
                                                  points_max * step_max / seconds_per_day)
                                    : fmt::format("a step of at least {} s", step_min);
    auto message = fmt::format("the range has {} points, at most {} are allowed; use {}", points,
                               points_max, remedy);
    const std::string field = is_too_long ? "from" : "step";
    base::failure failure{.code = base::errc::invalid,
                          .text = fmt::format("{}: {}", field, message),
                          .reason = "too_many_points"};
    failure.fields.push_back({"/" + field, "too_many_points", std::move(message)});
    return failure;
}

}  // namespace

class metric_history::bit_writer {
  public:
    explicit bit_writer(chunk& out) : out_(out) {}
    void put(std::uint32_t value, unsigned bits) {
        while (bits > 0) {
            const unsigned used = out_.bits % 8;
            if (used == 0) out_.data.push_back(0);
            const unsigned count = std::min(bits, 8 - used);
            const auto part = (value >> (bits - count)) & ((1U << count) - 1);
            out_.data.back() |= static_cast<std::uint8_t>(part << (8 - used - count));
            out_.bits += count;
            bits -= count;
        }
    }

  private:
    chunk& out_;
};

class metric_history::bit_reader {
  public:
    explicit bit_reader(const chunk& source) : data_(source.data), bits_(source.bits) {}
    // Returns zeros past the end; failed() is then true.
    std::uint32_t get(unsigned bits) {
        std::uint32_t value = 0;
        for (; bits > 0;) {
            if (position_ >= bits_) {
                failed_ = true;
                return 0;
            }
            const unsigned used = position_ % 8;
            const unsigned count = std::min({bits, 8 - used, bits_ - position_});
            const auto part = static_cast<unsigned>(data_[position_ / 8] >> (8 - used - count)) &
                              ((1U << count) - 1);
            value = (value << count) | part;
            position_ += count;
            bits -= count;
        }
        return value;
    }
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] bool at_end() const noexcept { return position_ == bits_; }
    [[nodiscard]] std::uint32_t position() const noexcept { return position_; }

  private:
    std::span<const std::uint8_t> data_;
    std::uint32_t bits_;
    std::uint32_t position_ = 0;
    bool failed_ = false;
};

bool has_history(metric_id id) noexcept {
    return std::ranges::find(history_metrics, id) != history_metrics.end();
}

double history_rounded(double value) noexcept {
    return std::isnan(value) ? value : value_of(code_of(value));
}

void metric_history::adapt(walk& state, std::size_t column, std::uint32_t difference) {
    // A jump (the first value of a chunk, a gauge that leaves zero) does not predict the following
    // differences.
    state.magnitude[column] += std::min(difference, 4U << rice_parameter(state, column));
    if (++state.count[column] < adapt_window) return;
    state.magnitude[column] /= 2;
    state.count[column] /= 2;
}

// The k that spends the fewest bits on differences of the recent mean (5/8 of it: measured on
// noise).
unsigned metric_history::rice_parameter(const walk& state, std::size_t column) {
    const auto count = state.count[column];
    if (count == 0) return 5;
    unsigned k = 0;
    while (k < rice_max && (count << k) < state.magnitude[column] * 5 / 8) ++k;
    return k;
}

// A row: time as delta of delta (0; 10 and 6 bits; 11 and 32), then 0 when no value changed, else
// 1, whether the set of known columns changed (with the set), and the difference of every known
// column.
void metric_history::encode_row(walk& state, chunk& chunk, std::int64_t second,
                                std::span<const std::int32_t> codes, std::uint32_t present) {
    bit_writer out(chunk);
    if (chunk.rows > 0) {
        const auto delta = second - state.second;
        const auto change = delta - state.delta;
        if (change == 0) {
            out.put(0, 1);
        } else if (change >= -32 && change < 32) {
            out.put(0b10, 2);
            out.put(zigzag(change), 6);
        } else {
            out.put(0b11, 2);
            out.put(static_cast<std::uint32_t>(delta), 32);
        }
        state.delta = delta;
    }
    state.second = second;
    bool changed = present != state.present;
    for (std::size_t column = 0; column < history_columns && !changed; ++column) {
        changed = (present >> column & 1) != 0 && codes[column] != state.code[column];
    }
    out.put(changed ? 1 : 0, 1);
    if (!changed) return;
    out.put(present != state.present ? 1 : 0, 1);
    if (present != state.present) out.put(present, history_columns);
    state.present = present;
    for (std::size_t column = 0; column < history_columns; ++column) {
        if ((present >> column & 1) == 0) continue;
        const auto difference = zigzag(std::int64_t{codes[column]} - state.code[column]);
        const auto k = rice_parameter(state, column);
        const auto ones = difference >> k;
        if (ones < escape_ones) {
            out.put((1U << (ones + 1)) - 2, ones + 1);
            out.put(difference & ((1U << k) - 1), k);
        } else {
            out.put((1U << escape_ones) - 1, escape_ones);
            out.put(difference, escape_bits);
        }
        adapt(state, column, difference);
        state.code[column] = codes[column];
    }
}

bool metric_history::decode_row(walk& state, bit_reader& source, bool first_row) {
    if (!first_row) {
        if (source.get(1) != 0) {
            if (source.get(1) == 0) {
                state.delta += unzigzag(source.get(6));
            } else {
                state.delta = source.get(32);
            }
        }
        state.second += state.delta;
    }
    if (source.get(1) == 0) return !source.failed();
    if (source.get(1) != 0) state.present = source.get(history_columns);
    for (std::size_t column = 0; column < history_columns; ++column) {
        if ((state.present >> column & 1) == 0) continue;
        const auto k = rice_parameter(state, column);
        std::uint32_t ones = 0;
        while (ones < escape_ones && source.get(1) != 0) ++ones;
        const auto difference =
            ones < escape_ones ? (ones << k) | source.get(k) : source.get(escape_bits);
        adapt(state, column, difference);
        const auto code = state.code[column] + unzigzag(difference);
        if (std::abs(code) > code_max) return false;
        state.code[column] = code;
    }
    return !source.failed();
}

bool metric_history::append(base::instant time, const metric_values& values) {
    const auto second = whole_second(time).time_since_epoch().count();
    if (!chunks_.empty() && second <= chunks_.back().last) return false;
    drop_before(time - options_.retention);
    const bool fits = open_ && !chunks_.empty() && chunks_.back().rows < options_.chunk_rows &&
                      second - chunks_.back().first < options_.chunk_span.count();
    if (!fits) {
        if (!chunks_.empty()) chunks_.back().data.shrink_to_fit();
        chunks_.push_back({.first = second});
        writing_ = {};
        open_ = true;
    }
    std::array<std::int32_t, history_columns> codes{};
    std::uint32_t present = 0;
    for (std::size_t column = 0; column < history_columns; ++column) {
        const double value = values[history_metrics[column]];
        if (std::isnan(value)) continue;
        codes[column] = code_of(value);
        present |= 1U << column;
    }
    auto& newest = chunks_.back();
    encode_row(writing_, newest, second, codes, present);
    newest.last = second;
    ++newest.rows;
    return true;
}

void metric_history::drop_before(base::instant when) {
    const auto second = whole_second(when).time_since_epoch().count();
    while (!chunks_.empty() && chunks_[0].last < second) chunks_.erase(chunks_.begin());
    if (chunks_.empty()) open_ = false;
}

void metric_history::drop_after(base::instant when) {
    const auto second = whole_second(when).time_since_epoch().count();
    if (chunks_.empty() || chunks_.back().last <= second) return;
    open_ = false;  // the writer's state is later than the remaining rows
    while (!chunks_.empty() && chunks_.back().first > second) chunks_.pop_back();
    if (chunks_.empty() || chunks_.back().last <= second) return;
    auto& part = chunks_.back();
    chunk remaining{.first = part.first};
    walk state{.second = part.first};
    bit_reader reader(part);
    for (std::uint32_t row = 0; row < part.rows; ++row) {
        if (!decode_row(state, reader, row == 0) || state.second > second) break;
        remaining.last = state.second;
        remaining.rows = row + 1;
        remaining.bits = reader.position();
    }
    remaining.data.assign(part.data.begin(), part.data.begin() + (remaining.bits + 7) / 8);
    part = std::move(remaining);
}

base::outcome<std::vector<double>> metric_history::query(metric_id metric, base::instant begin,
                                                         base::instant end,
                                                         std::chrono::seconds step) const {
    const auto position = std::ranges::find(history_metrics, metric);
    if (position == history_metrics.end()) {
        return base::fail(base::errc::unsupported, "this metric has no history", "no_history");
    }
    if (step < std::chrono::seconds(1)) return invalid_field("step", "must be at least 1 s");
    if (end < begin) return invalid_field("to", "must not be before from");
    const auto first_second = whole_second(begin).time_since_epoch().count();
    const auto last_second = whole_second(end).time_since_epoch().count();
    const auto points =
        static_cast<std::uint64_t>((last_second - first_second) / step.count() +
                                   ((last_second - first_second) % step.count() != 0 ? 1 : 0));
    if (points > options_.points_max) {
        return std::unexpected(too_many_points(
            points, options_.points_max, static_cast<std::uint64_t>(last_second - first_second)));
    }
    const auto column = static_cast<std::size_t>(position - history_metrics.begin());
    std::vector<double> sums(points, 0);
    std::vector<std::uint32_t> counts(points, 0);
    for (const auto& part : chunks_) {
        if (part.last < first_second || part.first >= last_second) continue;
        walk state{.second = part.first};
        bit_reader reader(part);
        for (std::uint32_t row = 0; row < part.rows; ++row) {
            if (!decode_row(state, reader, row == 0)) break;
            if (state.second >= last_second) break;
            if (state.second < first_second || (state.present >> column & 1) == 0) continue;
            const auto point =
                static_cast<std::size_t>((state.second - first_second) / step.count());
            sums[point] += value_of(state.code[column]);
            counts[point] += 1;
        }
    }
    for (std::size_t point = 0; point < points; ++point) {
        sums[point] = counts[point] == 0 ? std::numeric_limits<double>::quiet_NaN()
                                         : sums[point] / counts[point];
    }
    return sums;
}

metric_history::chunk_info metric_history::describe_chunk(std::size_t index) const {
    const auto& part = chunks_[index];
    return {.key = part.first,
            .first = instant_of(part.first),
            .last = instant_of(part.last),
            .rows = part.rows,
            .open = open_ && index + 1 == chunks_.size()};
}

// Format: "mh", version, number of columns, fingerprint of their names, first second, rows, bits,
// data, CRC-32C of everything before it. Little endian.
std::string metric_history::serialize(std::size_t index) const {
    const auto& part = chunks_[index];
    std::string bytes(magic, sizeof magic);
    bytes.reserve(header_bytes + part.data.size() + checksum_bytes);
    put(bytes, version);
    put(bytes, static_cast<std::uint8_t>(history_columns));
    put(bytes, fingerprint());
    put(bytes, part.first);
    put(bytes, part.rows);
    put(bytes, part.bits);
    bytes.append(part.data.begin(), part.data.end());
    put(bytes, checksum(bytes));
    return bytes;
}

base::outcome<metric_history::chunk> metric_history::parse(std::string_view bytes) {
    const auto damaged = [](const char* detail) {
        return base::fail(base::errc::corrupt,
                          std::string("a history chunk is damaged: ") + detail);
    };
    if (bytes.size() < header_bytes + checksum_bytes) return damaged("too short");
    if (!bytes.starts_with(std::string_view(magic, sizeof magic))) return damaged("no chunk");
    const auto body = bytes.substr(0, bytes.size() - checksum_bytes);
    auto tail = bytes.substr(body.size());
    if (take<std::uint32_t>(tail) != checksum(body)) return damaged("checksum");
    auto left = body.substr(sizeof magic);
    const auto written_version = take<std::uint8_t>(left);
    const auto columns = take<std::uint8_t>(left);
    const auto names = take<std::uint32_t>(left);
    if (written_version != version || columns != history_columns || names != fingerprint()) {
        return base::fail(base::errc::unsupported,
                          "a history chunk is of another version or holds other metrics",
                          "other_layout");
    }
    chunk result;
    result.first = take<std::int64_t>(left);
    result.rows = take<std::uint32_t>(left);
    result.bits = take<std::uint32_t>(left);
    if (result.rows == 0 || left.size() != (std::uint64_t{result.bits} + 7) / 8)
        return damaged("lengths");
    // Beyond the year 30,000,000 arithmetic with seconds would overflow.
    if (std::abs(result.first) > 1'000'000'000'000'000) return damaged("time");
    result.data.assign(left.begin(), left.end());
    walk state{.second = result.first};
    bit_reader reader(result);
    for (std::uint32_t row = 0; row < result.rows; ++row) {
        const auto before = state.second;
        if (!decode_row(state, reader, row == 0)) return damaged("rows");
        if (row > 0 && state.second <= before) return damaged("order");
    }
    if (!reader.at_end()) return damaged("bytes are left");
    result.last = state.second;
    return result;
}

base::outcome<void> metric_history::restore(std::string_view bytes) {
    auto parsed = parse(bytes);
    if (!parsed) return base::pass(std::move(parsed));
    if (!chunks_.empty() && parsed->first <= chunks_.back().last) {
        return base::fail(base::errc::conflict, "a history chunk is not after the one before it");
    }
    chunks_.push_back(std::move(*parsed));
    open_ = false;  // the writer's state is not stored; the next row starts a chunk
    return {};
}

std::size_t metric_history::bytes() const noexcept {
    constexpr std::size_t allocator_bytes = 16;
    std::size_t sum = sizeof *this + chunks_.capacity() * sizeof(chunk) + allocator_bytes;
    for (const auto& part : chunks_) sum += part.data.capacity() + allocator_bytes;
    return sum;
}

std::optional<base::instant> metric_history::last() const noexcept {
    if (chunks_.empty()) return std::nullopt;
    return instant_of(chunks_.back().last);
}

}  // namespace timeseries
