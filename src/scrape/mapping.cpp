#include "scrape/mapping.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

namespace scrape {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view member_series = "process_start_time_seconds";

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto bar = text.find('|');
        parts.push_back(text.substr(0, bar));
        if (bar == text.npos) return parts;
        text.remove_prefix(bar + 1);
    }
}

// The value of a label on a line, "" if the line lacks the label.
struct plain_value {
    std::string_view raw;
    std::string resolved;
    bool escaped = false;
    [[nodiscard]] std::string_view text() const { return escaped ? resolved : raw; }
};

plain_value label_value(const sample& line, std::string_view name) {
    for (const auto& pair : line.labels) {
        if (pair.name != name) continue;
        if (pair.escaped) return {.raw = {}, .resolved = unescaped(pair.value), .escaped = true};
        return {.raw = pair.value, .resolved = {}};
    }
    return {};
}

bool needs_rates(rule_kind kind) {
    return kind == rule_kind::rate || kind == rule_kind::ratio || kind == rule_kind::share ||
           kind == rule_kind::complement;
}

bool starts_at_zero(aggregation aggregate) {
    return aggregate == aggregation::matches || aggregate == aggregation::equals ||
           aggregate == aggregation::present;
}

double quotient(double dividend, double divisor) {
    return divisor > 0 ? dividend / divisor : unknown;
}

void add_line(double& total, const series& source, double value) {
    if (source.aggregate == aggregation::present) {
        total = 1;
        return;
    }
    if (!std::isfinite(value)) return;
    switch (source.aggregate) {
        case aggregation::sum:
            total = std::isnan(total) ? value : total + value;
            break;
        case aggregation::max:
            total = std::isnan(total) ? value : std::max(total, value);
            break;
        case aggregation::min:
            total = std::isnan(total) ? value : std::min(total, value);
            break;
        case aggregation::equals:
            if (value == source.number) total += 1;
            break;
        case aggregation::matches:
            total += 1;
            break;
        case aggregation::present:
            break;
    }
}

}  // namespace

mapping_plan::mapping_plan(std::span<const rule> rules, const copy_count& copies) {
    if (!copies.all.name.empty()) {
        all_copies_ = selector_of(copies.all, false);
        primary_copies_ = selector_of(copies.primaries, false);
    }
    for (const auto& source : rules) {
        const bool is_counter = needs_rates(source.kind);
        formula compiled{.source = &source};
        for (const auto& series : source.top) {
            if (!series.name.empty()) compiled.top.push_back(selector_of(series, is_counter));
        }
        for (const auto& series : source.bottom) {
            if (!series.name.empty()) compiled.bottom.push_back(selector_of(series, is_counter));
        }
        if (!source.only_if.name.empty()) compiled.only_if = selector_of(source.only_if, false);
        formulas_.push_back(std::move(compiled));
    }
    index_names();
}

std::uint32_t mapping_plan::selector_of(const series& source, bool is_counter) {
    auto it = std::ranges::find(selectors_, source, &selector::source);
    if (it == selectors_.end()) {
        selector added{.source = source};
        if (!source.label.empty()) added.values = split(source.values);
        selectors_.push_back(std::move(added));
        it = std::prev(selectors_.end());
    }
    if (is_counter && it->counter == none) it->counter = static_cast<std::uint32_t>(counters_++);
    return static_cast<std::uint32_t>(it - selectors_.begin());
}

void mapping_plan::index_names() {
    std::vector<std::string_view> names{member_series};
    by_name_.emplace_back();
    member_name_ = 0;
    for (std::uint32_t index = 0; index < selectors_.size(); ++index) {
        const auto name = selectors_[index].source.name;
        const auto it = std::ranges::find(names, name);
        const auto position = std::size_t(it - names.begin());
        if (it == names.end()) {
            names.push_back(name);
            by_name_.emplace_back();
        }
        by_name_[position].push_back(index);
    }
    names_ = name_table(std::move(names));
}

bool mapping_plan::matches(const selector& selector, const sample& line) {
    const auto& source = selector.source;
    if (source.label.empty()) return true;
    const auto value = label_value(line, source.label);
    const bool is_listed =
        std::ranges::find(selector.values, value.text()) != selector.values.end();
    if (is_listed == source.excludes) return false;
    return source.second_label.empty() ||
           label_value(line, source.second_label).text() == source.second_value;
}

base::outcome<mapping_plan::reading> mapping_plan::read(std::string_view page, page_format format,
                                                        page_reader& reader) const {
    reading result{.selected = std::vector<double>(selectors_.size(), unknown),
                   .counters = std::vector<counter_reading>(counters_, {unknown, 0})};
    for (std::size_t index = 0; index < selectors_.size(); ++index) {
        const bool is_flag = selectors_[index].source.aggregate == aggregation::present;
        if (is_flag) result.selected[index] = 0;
    }
    sample line;
    reader.open(page, format, &names_);
    while (reader.next(line)) {
        if (line.name_index == member_name_) {
            result.member = std::bit_cast<std::uint64_t>(line.value);
        }
        // The reader finds "x_total" of an OpenMetrics page as "x". Only a counter may use it.
        if (!by_name_[line.name_index].empty()) ++result.series;
        const bool lost_suffix = line.name.size() != names_.names()[line.name_index].size();
        for (const auto index : by_name_[line.name_index]) {
            const auto& selector = selectors_[index];
            const auto& source = selector.source;
            if (lost_suffix && selector.counter == none) continue;
            auto& value = result.selected[index];
            if (starts_at_zero(source.aggregate) && std::isnan(value)) value = 0;
            if (!matches(selector, line)) continue;
            if (source.zero_is_absent && line.value == 0) continue;
            add_line(value, source, line.value);
            if (selector.counter == none || !std::isfinite(line.value)) continue;
            result.counters[selector.counter].series += 1;
            result.counters[selector.counter].total = value;
        }
    }
    auto finished = reader.finish();
    if (!finished) return base::pass(std::move(finished));
    return result;
}

// One page and its rates.
struct mapping_plan::evaluation {
    const mapping_plan& plan;
    const reading& page;
    std::span<const double> rates;  // per counter
    base::instant utc_now;

    // Returns the number by which the value of a selector is divided.
    [[nodiscard]] double copies(std::uint32_t index) const {
        if (!plan.selectors_[index].source.per_copy) return 1;
        if (plan.all_copies_ == none) return unknown;
        const double all = page.selected[plan.all_copies_];
        const double primaries = page.selected[plan.primary_copies_];
        if (std::isnan(all) || std::isnan(primaries)) return unknown;
        return primaries > 0 && all > primaries ? all / primaries : 1;  // 0 in an empty cluster
    }

    [[nodiscard]] double sum_of_known(const std::vector<std::uint32_t>& selectors) const {
        double sum = unknown;
        for (const auto index : selectors) {
            const double value = page.selected[index] / copies(index);
            if (std::isnan(value)) continue;
            sum = std::isnan(sum) ? value : sum + value;
        }
        return sum;
    }

    [[nodiscard]] double growth(const std::vector<std::uint32_t>& selectors) const {
        double sum = unknown;
        for (const auto index : selectors) {
            const double rate = rates[plan.selectors_[index].counter] / copies(index);
            if (std::isnan(rate)) {
                // A counter without a rate makes the sum unknown if it is on the page. A counter
                // that is not on the page does not take part.
                if (!std::isnan(page.selected[index])) return unknown;
                continue;
            }
            sum = std::isnan(sum) ? rate : sum + rate;
        }
        return sum;
    }

    [[nodiscard]] double unscaled(const formula& formula) const {
        switch (formula.source->kind) {
            case rule_kind::value:
                return sum_of_known(formula.top);
            case rule_kind::rate:
                return growth(formula.top);
            case rule_kind::ratio:
                return quotient(growth(formula.top), growth(formula.bottom));
            case rule_kind::share: {
                const double top = growth(formula.top);
                return quotient(top, top + growth(formula.bottom));
            }
            case rule_kind::complement: {
                const double rest = 1 - quotient(growth(formula.top), growth(formula.bottom));
                return rest < 0 ? 0 : rest;
            }
            case rule_kind::difference:
                return sum_of_known(formula.top) - sum_of_known(formula.bottom);
            case rule_kind::age: {
                const double start = sum_of_known(formula.top);
                const double now =
                    std::chrono::duration<double>(utc_now.time_since_epoch()).count();
                return start > 0 ? std::max(0.0, now - start) : unknown;
            }
        }
        return unknown;
    }

    [[nodiscard]] double value(const formula& formula) const {
        if (formula.only_if != none && page.selected[formula.only_if] != 1) return unknown;
        const double value = unscaled(formula) * formula.source->scale;
        return formula.source->zero_is_unknown && value == 0 ? unknown : value;
    }
};

domain::metrics_sample mapping_plan::evaluate(const reading& page, rate_memory& memory,
                                              base::steady_time now, base::instant utc_now) const {
    std::vector<double> rates(counters_, unknown);
    const evaluation without_rates{*this, page, rates, utc_now};
    double uptime = unknown;
    for (const auto& formula : formulas_) {
        if (formula.source->id != domain::metric_id::uptime_seconds || !std::isnan(uptime))
            continue;
        uptime = without_rates.value(formula);
    }
    memory.advance(page.member, now, uptime, page.counters, rates);

    const evaluation with_rates{*this, page, rates, utc_now};
    domain::metrics_sample sample{.observed_at = utc_now};
    auto& engine_metrics = sample.engine_metrics;
    for (const auto& formula : formulas_) {
        const auto& source = *formula.source;
        const bool is_platform = source.id != domain::metric_id::count_;
        const bool has_value =
            is_platform ? sample.values.has(source.id)
                        : !engine_metrics.empty() && engine_metrics.back().first == source.name;
        if (has_value) continue;  // an earlier rule of the same metric yielded it
        const double value = with_rates.value(formula);
        if (!std::isfinite(value)) continue;  // unknown, or a sum beyond the range of a double
        if (is_platform) {
            sample.values[source.id] = value;
        } else {
            engine_metrics.emplace_back(source.name, value);
        }
    }
    std::ranges::sort(engine_metrics);
    return sample;
}

const mapping_plan* find_plan(std::string_view engine) {
    static const auto plans = [] {
        std::map<std::string_view, mapping_plan> result;
        for (const auto& table : engine_tables())
            result.try_emplace(table.engine, table.rules, table.copies);
        return result;
    }();
    const auto it = plans.find(engine);
    return it == plans.end() ? nullptr : &it->second;
}

}  // namespace scrape
