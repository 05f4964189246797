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

// A label's value on a line, "" when it is not there.
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

bool needs_rates(shape how) {
    return how == shape::rate || how == shape::ratio || how == shape::share ||
           how == shape::complement;
}

bool absence_is_zero(fold how) {
    return how == fold::matches || how == fold::equals || how == fold::present;
}

double sum_of_known(const std::vector<std::uint32_t>& which, std::span<const double> values) {
    double sum = unknown;
    for (const auto index : which) {
        if (std::isnan(values[index])) continue;
        sum = std::isnan(sum) ? values[index] : sum + values[index];
    }
    return sum;
}

double divided(double above, double below) {
    return below > 0 ? above / below : unknown;
}

void fold_in(double& into, const series& what, double value) {
    if (what.how == fold::present) {
        into = 1;
        return;
    }
    if (!std::isfinite(value)) return;
    switch (what.how) {
        case fold::sum:
            into = std::isnan(into) ? value : into + value;
            break;
        case fold::max:
            into = std::isnan(into) ? value : std::max(into, value);
            break;
        case fold::min:
            into = std::isnan(into) ? value : std::min(into, value);
            break;
        case fold::equals:
            if (value == what.number) into += 1;
            break;
        case fold::matches:
            into += 1;
            break;
        case fold::present:
            break;
    }
}

}  // namespace

mapping_plan::mapping_plan(std::span<const rule> rules) {
    for (const auto& source : rules) {
        const bool counter = needs_rates(source.how);
        formula made{.source = &source};
        for (const auto& what : source.top) {
            if (!what.name.empty()) made.top.push_back(selector_of(what, counter));
        }
        for (const auto& what : source.bottom) {
            if (!what.name.empty()) made.bottom.push_back(selector_of(what, counter));
        }
        if (!source.only_if.name.empty()) made.only_if = selector_of(source.only_if, false);
        formulas_.push_back(std::move(made));
    }
    index_names();
}

std::uint32_t mapping_plan::selector_of(const series& what, bool counter) {
    auto found = std::ranges::find(selectors_, what, &selector::what);
    if (found == selectors_.end()) {
        selector made{.what = what};
        if (!what.label.empty()) made.values = split(what.one_of);
        selectors_.push_back(std::move(made));
        found = std::prev(selectors_.end());
    }
    if (counter && found->counter == UINT32_MAX) {
        found->counter = static_cast<std::uint32_t>(counters_++);
    }
    return static_cast<std::uint32_t>(found - selectors_.begin());
}

void mapping_plan::index_names() {
    std::vector<std::string_view> names{member_series};
    by_name_.emplace_back();
    member_name_ = 0;
    for (std::uint32_t index = 0; index < selectors_.size(); ++index) {
        const auto name = selectors_[index].what.name;
        const auto found = std::ranges::find(names, name);
        const auto at = std::size_t(found - names.begin());
        if (found == names.end()) {
            names.push_back(name);
            by_name_.emplace_back();
        }
        by_name_[at].push_back(index);
    }
    names_ = name_table(std::move(names));
}

bool mapping_plan::matches(const selector& which, const sample& line) {
    if (which.what.label.empty()) return true;
    const auto first = label_value(line, which.what.label);
    if (std::ranges::find(which.values, first.text()) == which.values.end()) return false;
    return which.what.second_label.empty() ||
           label_value(line, which.what.second_label).text() == which.what.second_value;
}

base::outcome<mapping_plan::reading> mapping_plan::read(std::string_view page, page_format format,
                                                        page_reader& reader) const {
    reading found{.selected = std::vector<double>(selectors_.size(), unknown),
                  .counters = std::vector<counter_reading>(counters_, {unknown, 0})};
    for (std::size_t index = 0; index < selectors_.size(); ++index) {
        if (selectors_[index].what.how == fold::present) found.selected[index] = 0;
    }
    sample line;
    reader.open(page, format, &names_);
    while (reader.next(line)) {
        if (line.name_index == member_name_)
            found.member = std::bit_cast<std::uint64_t>(line.value);
        // Of an OpenMetrics page a gauge "x_total" must not be taken for the gauge "x".
        const bool as_counter = line.name.size() != names_.names()[line.name_index].size();
        for (const auto index : by_name_[line.name_index]) {
            const auto& which = selectors_[index];
            if (as_counter && which.counter == UINT32_MAX) continue;
            auto& value = found.selected[index];
            if (absence_is_zero(which.what.how) && std::isnan(value)) value = 0;
            if (!matches(which, line)) continue;
            if (which.what.zero_is_absent && line.value == 0) continue;
            fold_in(value, which.what, line.value);
            if (which.counter == UINT32_MAX || !std::isfinite(line.value)) continue;
            found.counters[which.counter].series += 1;
            found.counters[which.counter].total = value;
        }
    }
    auto ended = reader.finish();
    if (!ended) return base::pass(std::move(ended));
    return found;
}

// One page with its rates at hand.
struct mapping_plan::evaluation {
    const mapping_plan& plan;
    const reading& page;
    std::span<const double> rates;  // per counter
    base::instant wall;

    [[nodiscard]] double grown(const std::vector<std::uint32_t>& which) const {
        double sum = unknown;
        for (const auto index : which) {
            const double rate = rates[plan.selectors_[index].counter];
            if (std::isnan(rate)) {
                // A counter that is on the page but has no rate yet makes the sum unknown; one that
                // is not does not.
                if (!std::isnan(page.selected[index])) return unknown;
                continue;
            }
            sum = std::isnan(sum) ? rate : sum + rate;
        }
        return sum;
    }

    [[nodiscard]] double shaped(const formula& what) const {
        switch (what.source->how) {
            case shape::value:
                return sum_of_known(what.top, page.selected);
            case shape::rate:
                return grown(what.top);
            case shape::ratio:
                return divided(grown(what.top), grown(what.bottom));
            case shape::share: {
                const double top = grown(what.top);
                return divided(top, top + grown(what.bottom));
            }
            case shape::complement: {
                const double rest = 1 - divided(grown(what.top), grown(what.bottom));
                return rest < 0 ? 0 : rest;
            }
            case shape::difference:
                return sum_of_known(what.top, page.selected) -
                       sum_of_known(what.bottom, page.selected);
            case shape::age: {
                const double since = sum_of_known(what.top, page.selected);
                const double now = std::chrono::duration<double>(wall.time_since_epoch()).count();
                return since > 0 ? std::max(0.0, now - since) : unknown;
            }
        }
        return unknown;
    }

    [[nodiscard]] double result(const formula& what) const {
        if (what.only_if != UINT32_MAX && page.selected[what.only_if] != 1) return unknown;
        const double value = shaped(what) * what.source->scale;
        return what.source->zero_is_unknown && value == 0 ? unknown : value;
    }
};

domain::metrics_sample mapping_plan::evaluate(const reading& page, rate_memory& memory,
                                              base::steady_time at, base::instant wall) const {
    std::vector<double> rates(counters_, unknown);
    const evaluation before_rates{*this, page, rates, wall};
    double uptime = unknown;
    for (const auto& what : formulas_) {
        if (what.source->id != domain::metric_id::uptime_seconds || !std::isnan(uptime)) continue;
        uptime = before_rates.result(what);
    }
    memory.advance(page.member, at, uptime, page.counters, rates);

    const evaluation now{*this, page, rates, wall};
    domain::metrics_sample made{.observed_at = wall};
    for (const auto& what : formulas_) {
        const auto& source = *what.source;
        const bool platform = source.id != domain::metric_id::count_;
        const bool known = platform ? made.values.has(source.id)
                                    : !made.engine_metrics.empty() &&
                                          made.engine_metrics.back().first == source.name;
        if (known) continue;  // a rule before this one had a value
        const double value = now.result(what);
        if (!std::isfinite(value)) continue;  // unknown, or a sum beyond what a number holds
        if (platform) {
            made.values[source.id] = value;
        } else {
            made.engine_metrics.emplace_back(source.name, value);
        }
    }
    std::ranges::sort(made.engine_metrics);
    return made;
}

const mapping_plan* plan_for(std::string_view engine) {
    static const auto plans = [] {
        std::map<std::string_view, mapping_plan> made;
        for (const auto& table : engine_tables()) made.try_emplace(table.engine, table.rules);
        return made;
    }();
    const auto found = plans.find(engine);
    return found == plans.end() ? nullptr : &found->second;
}

}  // namespace scrape
