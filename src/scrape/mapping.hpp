#pragma once
// From exporter series to the platform's metrics: the vocabulary in which tables.cpp says it,
// engine by engine, and the plan that is made of a table to evaluate pages quickly. To add a metric
// edit the tables only. Plans are immutable, built once, usable on every thread; an evaluation is a
// plain value.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/metric.hpp"
#include "scrape/exposition.hpp"
#include "scrape/rates.hpp"

namespace scrape {

// How the lines of one selector become one number. Values that are not finite are passed over.
enum class fold : std::uint8_t {
    sum,
    max,
    min,      // unknown without a line
    matches,  // lines with this label; 0 when the family is there without one, unknown without the
              // family
    equals,   // lines whose value is `number`; otherwise as matches
    present,  // 1 or 0, never unknown
};

// pg_stat_activity_count{state="active"}. `one_of` holds label values separated by '|'; "" matches
// a missing label too. The second label narrows further.
struct series {
    std::string_view name{};
    fold how = fold::sum;
    std::string_view label{};
    std::string_view one_of{};
    double number = 0;
    std::string_view second_label{};
    std::string_view second_value{};
    bool zero_is_absent = false;  // a line with 0 counts as none
    bool operator==(const series&) const = default;
};

enum class shape : std::uint8_t {
    value,       // sum of top
    rate,        // growth of top per second
    ratio,       // growth of top / growth of bottom
    share,       // growth of top / growth of top and bottom
    complement,  // 1 - growth of top / growth of bottom
    difference,  // top - bottom
    age,         // seconds from the instant in top (Unix time) to the scrape
};

// A sum over several selectors is over those that are there. Of several rules for one metric the
// first with a value wins: that is how old and new exporters share a table.
struct rule {
    domain::metric_id id = domain::metric_id::count_;  // count_: an engine metric, named by `name`
    std::string_view name{};
    shape how = shape::value;
    std::array<series, 3> top{};
    std::array<series, 2> bottom{};
    double scale = 1;
    bool zero_is_unknown = false;  // "0 = no limit"
    series only_if{};              // the rule holds where this is 1
};

inline constexpr std::size_t engine_metrics_max = 40;

struct engine_table {
    std::string_view engine;
    std::span<const rule> rules;
};
std::span<const engine_table> engine_tables() noexcept;  // tables.cpp

class mapping_plan {
  public:
    explicit mapping_plan(std::span<const rule> rules);

    // What one page said, before rates.
    struct reading {
        std::vector<double> selected;           // per selector
        std::vector<counter_reading> counters;  // per selector that is used as a counter
        std::uint64_t member =
            0;  // tells members apart: bits of process_start_time_seconds, 0 when absent
    };

    // Failures: corrupt, limit (as page_reader::finish).
    base::outcome<reading> read(std::string_view page, page_format format,
                                page_reader& reader) const;

    // Rates are against what `memory` holds of the same member, and are remembered there.
    [[nodiscard]] domain::metrics_sample evaluate(const reading& page, rate_memory& memory,
                                                  base::steady_time at, base::instant wall) const;

    [[nodiscard]] const name_table& names() const noexcept { return names_; }

  private:
    struct selector {
        series what;
        std::vector<std::string_view> values;  // of one_of
        std::uint32_t counter = UINT32_MAX;    // position among the counters
    };
    struct formula {
        const rule* source;
        std::vector<std::uint32_t> top;
        std::vector<std::uint32_t> bottom;
        std::uint32_t only_if = UINT32_MAX;
    };
    struct evaluation;
    std::uint32_t selector_of(const series& what, bool counter);
    void index_names();
    static bool matches(const selector& which, const sample& line);

    std::vector<selector> selectors_;
    std::vector<formula> formulas_;
    std::size_t counters_ = 0;
    name_table names_;
    std::vector<std::vector<std::uint32_t>> by_name_;  // selectors per name of names_
    std::uint32_t member_name_ = UINT32_MAX;
};

// Null for an engine without a table.
const mapping_plan* plan_for(std::string_view engine);

}  // namespace scrape
