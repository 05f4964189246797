#pragma once
// Maps exporter series to the platform's metrics. The rules are data, one table per engine
// (scrape/engines/). A plan compiles a table so that pages are evaluated quickly. To add a metric,
// edit the tables only. Plans are immutable, built once and usable on every thread.

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

// How the lines of one selector become one number. Values that are not finite are skipped.
enum class aggregation : std::uint8_t {
    sum,
    max,
    min,      // unknown without a line
    matches,  // the number of lines that match; unknown if the page lacks the family
    equals,   // the number of lines whose value is `number`; unknown as for matches
    present,  // 1 or 0, never unknown
};

// Selects lines of a page, as pg_stat_activity_count{state="active"} does in PromQL.
struct series {
    std::string_view name{};
    aggregation aggregate = aggregation::sum;
    std::string_view label{};   // "" selects every line of the name
    std::string_view values{};  // of the label, separated by '|'; "" matches a missing label too
    double number = 0;          // for aggregation::equals
    std::string_view second_label{};  // narrows the selection further
    std::string_view second_value{};
    bool zero_is_absent = false;  // a line with the value 0 is skipped
    bool excludes = false;        // selects the lines with other values of `label`
    bool per_copy = false;        // counts every copy: divided by the number of copies
    bool operator==(const series&) const = default;
};

enum class rule_kind : std::uint8_t {
    value,       // sum of top
    rate,        // growth of top per second
    ratio,       // growth of top / growth of bottom
    share,       // growth of top / growth of top and bottom
    complement,  // 1 - growth of top / growth of bottom
    difference,  // top - bottom
    age,         // seconds from the instant in top (Unix time) to the scrape
};

// The series of `top` are summed, and so are those of `bottom`. A series that is not on the page
// does not take part. The first rule of a metric that yields a value wins, so one table serves old
// and new exporters.
struct rule {
    domain::metric_id id = domain::metric_id::count_;  // count_: an engine metric, named by `name`
    std::string_view name{};
    rule_kind kind = rule_kind::value;
    std::array<series, 3> top{};
    std::array<series, 2> bottom{};
    double scale = 1;
    bool zero_is_unknown = false;  // for values where 0 means "no limit"
    series only_if{};              // the rule applies if this is 1
};

inline constexpr std::size_t engine_metrics_max = 40;

// The number of copies of the data on a page: the sum of `all` divided by the sum of `primaries`.
// A selector with `per_copy` is unknown while one of the two is unknown.
struct copy_count {
    series all{};
    series primaries{};
};

struct engine_table {
    std::string_view engine;
    std::span<const rule> rules;
    copy_count copies{};  // for an engine whose exporter reports all copies of the data
};
std::span<const engine_table> engine_tables() noexcept;  // engine_rules.cpp

class mapping_plan {
  public:
    explicit mapping_plan(std::span<const rule> rules, const copy_count& copies = {});

    // The values of one page, before rates.
    struct reading {
        std::vector<double> selected;           // per selector
        std::vector<counter_reading> counters;  // per selector that is used as a counter
        // Identifies the exporter: the bits of process_start_time_seconds, 0 if absent.
        std::uint64_t member = 0;
        std::uint32_t series = 0;  // lines that a rule names
    };

    // Reads a page with `reader`. Errors: corrupt, limit (as page_reader::finish).
    base::outcome<reading> read(std::string_view page, page_format format,
                                page_reader& reader) const;

    // Computes the metrics of a page that was scraped at `now`. Rates are computed against the
    // readings of the same member in `memory`, which then holds the readings of this page.
    [[nodiscard]] domain::metrics_sample evaluate(const reading& page, rate_memory& memory,
                                                  base::steady_time now,
                                                  base::instant utc_now) const;

    [[nodiscard]] const name_table& names() const noexcept { return names_; }

  private:
    static constexpr std::uint32_t none = UINT32_MAX;
    struct selector {
        series source;
        std::vector<std::string_view> values;  // series::values, split
        std::uint32_t counter = none;          // position among the counters
    };
    struct formula {
        const rule* source;
        std::vector<std::uint32_t> top;  // positions of selectors
        std::vector<std::uint32_t> bottom;
        std::uint32_t only_if = none;
    };
    struct evaluation;
    std::uint32_t selector_of(const series& source, bool is_counter);
    void index_names();
    static bool matches(const selector& selector, const sample& line);

    std::vector<selector> selectors_;
    std::vector<formula> formulas_;
    std::uint32_t all_copies_ = none;  // positions of selectors
    std::uint32_t primary_copies_ = none;
    std::size_t counters_ = 0;
    name_table names_;
    std::vector<std::vector<std::uint32_t>> by_name_;  // selectors per name of names_
    std::uint32_t member_name_ = none;
};

// Returns nullptr for an engine without a table.
const mapping_plan* find_plan(std::string_view engine);

}  // namespace scrape
