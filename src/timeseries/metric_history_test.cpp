#include "timeseries/metric_history.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace timeseries {
namespace {

using namespace std::chrono_literals;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr base::instant start{1'800'000'000s};

metric_values with(metric_id id, double value) {
    metric_values values;
    values[id] = value;
    return values;
}

std::vector<double> query(const metric_history& history, metric_id id, base::instant begin,
                          base::instant end, std::chrono::seconds step) {
    const auto points = history.query(id, begin, end, step);
    EXPECT_TRUE(points) << points.error().text;
    return points.value_or(std::vector<double>{});
}

TEST(metric_history, returns_the_appended_rows) {
    metric_history history;
    EXPECT_TRUE(history.append(start, with(metric_id::connections_current, 12)));
    EXPECT_TRUE(history.append(start + 30s, with(metric_id::connections_current, 13)));
    EXPECT_TRUE(history.append(start + 61s, with(metric_id::connections_current, 0)));
    const auto points = query(history, metric_id::connections_current, start, start + 90s, 30s);
    EXPECT_EQ(points, (std::vector<double>{12, 13, 0}));
    EXPECT_EQ(history.last(), start + 61s);
}

TEST(metric_history, averages_a_step_and_leaves_gaps_unknown) {
    metric_history history;
    history.append(start, with(metric_id::items, 1));  // no history is kept of it
    history.append(start + 30s, with(metric_id::operations_per_second, 10));
    history.append(start + 60s, with(metric_id::operations_per_second, 20));
    history.append(start + 300s, with(metric_id::operations_per_second, 40));
    const auto points = query(history, metric_id::operations_per_second, start, start + 301s, 100s);
    ASSERT_EQ(points.size(), 4u);
    EXPECT_EQ(points[0], 15);
    EXPECT_TRUE(std::isnan(points[1]));
    EXPECT_TRUE(std::isnan(points[2]));
    EXPECT_EQ(points[3], 40);
}

TEST(metric_history, rejects_queries_that_have_no_result) {
    const metric_history history;
    EXPECT_FALSE(has_history(metric_id::items));
    EXPECT_EQ(history.query(metric_id::items, start, start + 1h, 30s).error().code,
              base::errc::unsupported);
    EXPECT_EQ(history.query(metric_id::up, start, start + 1h, 0s).error().code,
              base::errc::invalid);
    const auto reversed = history.query(metric_id::up, start, start - 1s, 1s).error();
    EXPECT_EQ(reversed.code, base::errc::invalid);
    EXPECT_EQ(reversed.text, "to: must not be before from");
    ASSERT_EQ(reversed.fields.size(), 1u);
    EXPECT_EQ(reversed.fields[0].pointer, "/to");
    const auto long_range = history.query(metric_id::up, start, start + 24h, 1s).error();
    EXPECT_EQ(long_range.code, base::errc::invalid);
    EXPECT_EQ(long_range.reason, "too_many_points");
    ASSERT_EQ(long_range.fields.size(), 1u);
    EXPECT_EQ(long_range.fields[0].pointer, "/step");
    EXPECT_TRUE(long_range.text.ends_with("use a step of at least 8 s")) << long_range.text;
    const auto endless = history.query(metric_id::up, start, start + 24h * 11'001, 24h).error();
    EXPECT_EQ(endless.fields.at(0).pointer, "/from");
    EXPECT_TRUE(endless.text.ends_with("use a range of at most 11000 days")) << endless.text;
    EXPECT_TRUE(history.query(metric_id::up, start, start + 24h, 8s));
    EXPECT_TRUE(query(history, metric_id::up, start, start, 1s).empty());
    EXPECT_EQ(query(history, metric_id::up, start, start + 1s, std::chrono::seconds::max()).size(),
              1u);
}

TEST(metric_history, rejects_rows_that_go_back_in_time) {
    metric_history history;
    EXPECT_TRUE(history.append(start, with(metric_id::up, 1)));
    EXPECT_FALSE(history.append(start + 900ms, with(metric_id::up, 0)));
    EXPECT_FALSE(history.append(start - 30s, with(metric_id::up, 0)));
    EXPECT_EQ(query(history, metric_id::up, start, start + 1s, 1s), std::vector<double>{1});
}

TEST(metric_history, forgets_the_rows_of_a_clock_that_was_ahead) {
    metric_history history;
    const auto row = [&](base::instant time, double value) {
        return history.append(time, with(metric_id::connections_current, value));
    };
    EXPECT_TRUE(row(start, 1));
    EXPECT_TRUE(row(start + 30s, 2));
    EXPECT_TRUE(row(start + 1h, 3));  // in the same chunk
    EXPECT_TRUE(row(start + 5h, 4));
    ASSERT_EQ(history.chunk_count(), 2U);
    history.drop_after(start + 60s);
    EXPECT_EQ(history.last(), start + 30s);
    EXPECT_EQ(history.chunk_count(), 1U);
    metric_history again;
    EXPECT_TRUE(again.restore(history.serialize(0)));
    EXPECT_TRUE(row(start + 60s, 5));
    EXPECT_EQ(query(history, metric_id::connections_current, start, start + 90s, 30s),
              (std::vector<double>{1, 2, 5}));
    history.drop_after(start - 1s);
    EXPECT_EQ(history.last(), std::nullopt);
    EXPECT_TRUE(row(start, 6));
}

TEST(metric_history, keeps_values_within_a_fifth_of_a_percent) {
    for (int number = -512; number <= 512; ++number) EXPECT_EQ(history_rounded(number), number);
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> exponent(-29, 62);
    for (int round = 0; round < 10000; ++round) {
        const double value = std::exp2(exponent(random)) * (round % 2 == 0 ? 1 : -1);
        EXPECT_NEAR(history_rounded(value), value, std::abs(value) * 0.00196) << value;
    }
    EXPECT_EQ(history_rounded(1e-12), 0);
    EXPECT_GT(history_rounded(std::numeric_limits<double>::infinity()), 1e19);
    EXPECT_LT(history_rounded(-1e300), -1e19);
    EXPECT_TRUE(std::isnan(history_rounded(unknown)));
}

TEST(metric_history, drops_rows_older_than_its_retention) {
    metric_history history({.retention = 1h, .chunk_rows = 10});
    for (int row = 0; row < 1000; ++row) history.append(start + row * 30s, with(metric_id::up, 1));
    EXPECT_LE(history.chunk_count(), 14u);
    const auto points = query(history, metric_id::up, start, start + 30000s, 30s);
    EXPECT_TRUE(std::isnan(points[800]));
    for (std::size_t row = 1000 - 120; row < 1000; ++row) EXPECT_EQ(points[row], 1) << row;
    history.drop_before(start + 24h);
    EXPECT_EQ(history.chunk_count(), 0u);
    EXPECT_EQ(history.last(), std::nullopt);
    EXPECT_TRUE(history.append(start, with(metric_id::up, 1)));
}

// ---- against a vector that keeps everything ------------------------------------------

struct naive_row {
    base::instant time;
    metric_values values;
};

struct generated {
    metric_history history;
    std::vector<naive_row> rows;
};

generated random_history(unsigned seed, std::size_t count) {
    generated generated_history;
    std::mt19937 random(seed);
    const auto chance = [&](unsigned odds) { return random() % odds == 0; };
    metric_values values;
    auto time = start + std::chrono::microseconds(random() % 1'000'000);
    for (std::size_t row = 0; row < count; ++row) {
        for (const auto& metric : domain::all_metrics()) {
            auto& value = values[metric.id];
            if (chance(60))
                value = unknown;
            else if (std::isnan(value) ? chance(3) : chance(40))
                value = std::exp2(int(random() % 90) - 28);
            else if (chance(50))
                value = 0;
            else if (chance(90))
                value = -value;
            else if (chance(2))
                value *= 0.9 + 0.2 * double(random() % 1000) / 1000;
        }
        generated_history.history.append(time, values);
        generated_history.rows.push_back({std::chrono::floor<std::chrono::seconds>(time), values});
        time += chance(100) ? 4000s : chance(5) ? 30s + std::chrono::seconds(random() % 5) : 30s;
    }
    return generated_history;
}

std::vector<double> naive_query(const std::vector<naive_row>& rows, metric_id id,
                                base::instant begin, base::instant end, std::chrono::seconds step) {
    std::vector<double> points;
    for (auto step_begin = begin; step_begin < end; step_begin += step) {
        const auto step_end = std::min<base::instant>(step_begin + step, end);
        double sum = 0;
        int count = 0;
        for (const auto& row : rows) {
            if (row.time < step_begin || row.time >= step_end || !row.values.has(id)) continue;
            sum += history_rounded(row.values[id]);
            ++count;
        }
        points.push_back(count == 0 ? unknown : sum / count);
    }
    return points;
}

void expect_same(const metric_history& history, const std::vector<naive_row>& rows, unsigned seed) {
    std::mt19937 random(seed);
    const auto first = rows.back().time - 20h;
    for (int question = 0; question < 12; ++question) {
        const auto id = history_metrics[random() % history_columns];
        const auto begin = first + std::chrono::seconds(random() % 72000);
        const auto step = std::chrono::seconds(1 + random() % 4000);
        const auto end = begin + std::chrono::seconds(random() % 9000);
        const auto wanted = naive_query(rows, id, begin, end, step);
        const auto points = query(history, id, begin, end, step);
        ASSERT_EQ(points.size(), wanted.size());
        for (std::size_t index = 0; index < wanted.size(); ++index) {
            ASSERT_EQ(std::isnan(points[index]), std::isnan(wanted[index])) << "seed " << seed;
            if (!std::isnan(wanted[index])) {
                ASSERT_NEAR(points[index], wanted[index], std::abs(wanted[index]) * 1e-9)
                    << "seed " << seed;
            }
        }
    }
}

TEST(metric_history, agrees_with_a_vector_that_keeps_everything) {
    for (unsigned seed = 1; seed <= 12; ++seed) {
        const auto generated_history = random_history(seed, 1500);
        expect_same(generated_history.history, generated_history.rows, seed);
    }
}

TEST(metric_history, comes_back_from_its_bytes) {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        auto generated_history = random_history(seed, 900);
        metric_history restored;
        for (std::size_t index = 0; index < generated_history.history.chunk_count(); ++index) {
            const auto result = restored.restore(generated_history.history.serialize(index));
            ASSERT_TRUE(result) << result.error().text;
            const auto before = generated_history.history.describe_chunk(index);
            const auto after = restored.describe_chunk(index);
            EXPECT_EQ(after.key, before.key);
            EXPECT_EQ(after.last, before.last);
            EXPECT_EQ(after.rows, before.rows);
            EXPECT_FALSE(after.open);
        }
        expect_same(restored, generated_history.rows, seed);
        const auto next = *restored.last() + 30s;
        EXPECT_TRUE(restored.append(next, with(metric_id::up, 1)));
        EXPECT_EQ(restored.chunk_count(), generated_history.history.chunk_count() + 1);
        EXPECT_EQ(query(restored, metric_id::up, next, next + 1s, 1s), std::vector<double>{1});
    }
}

TEST(metric_history, says_which_chunk_still_grows) {
    metric_history history({.chunk_rows = 2});
    for (int row = 0; row < 3; ++row) history.append(start + row * 30s, with(metric_id::up, 1));
    ASSERT_EQ(history.chunk_count(), 2u);
    EXPECT_FALSE(history.describe_chunk(0).open);
    EXPECT_TRUE(history.describe_chunk(1).open);
    EXPECT_EQ(history.describe_chunk(1).first, start + 60s);
}

TEST(metric_history, finds_every_damaged_bit) {
    const auto generated_history = random_history(3, 60);
    const auto bytes = generated_history.history.serialize(0);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        metric_history history;
        const auto result = history.restore(damaged);
        ASSERT_FALSE(result) << "bit " << bit;
        EXPECT_EQ(result.error().code, base::errc::corrupt);
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        metric_history history;
        EXPECT_EQ(history.restore(bytes.substr(0, size)).error().code, base::errc::corrupt);
    }
}

TEST(metric_history, rejects_chunks_out_of_order) {
    const auto generated_history = random_history(5, 600);
    ASSERT_GE(generated_history.history.chunk_count(), 2u);
    metric_history history;
    ASSERT_TRUE(history.restore(generated_history.history.serialize(1)));
    EXPECT_EQ(history.restore(generated_history.history.serialize(0)).error().code,
              base::errc::conflict);
    EXPECT_EQ(history.restore(generated_history.history.serialize(1)).error().code,
              base::errc::conflict);
}

// The budget that the design gives: 10,000 databases of a day in 350 MB. Busy: every metric that
// can moves by 5 % at random.
TEST(metric_history, fits_a_busy_day_into_its_budget) {
    metric_history history;
    std::mt19937 random(7);
    std::normal_distribution<double> noise(1, 0.05);
    metric_values values;
    for (int row = 0; row < 2880; ++row) {
        double scale = 10;
        for (const auto id : history_metrics) values[id] = (scale *= 5) * noise(random);
        values[metric_id::up] = 1;
        values[metric_id::errors_per_second] = 0;
        values[metric_id::replication_lag_seconds] = 0;
        history.append(start + row * 30s, values);
    }
    RecordProperty("bytes_of_a_busy_day", std::to_string(history.bytes()));
    EXPECT_LT(history.bytes(), 35'000u);
}

TEST(metric_history, takes_next_to_nothing_for_an_idle_day) {
    metric_history history;
    metric_values values;
    for (const auto id : history_metrics) values[id] = 100;
    for (int row = 0; row < 2880; ++row) history.append(start + row * 30s, values);
    EXPECT_LT(history.bytes(), 4'000u);
}

}  // namespace
}  // namespace timeseries
