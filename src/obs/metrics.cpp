#include "obs/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <set>

namespace obs {
namespace {

constexpr std::size_t series_max = 1000;
constexpr std::array<double, 13> latency_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                0.25,  0.5,    1,     2.5,  5,     10};

[[noreturn]] void defect(std::string_view name, std::string_view problem) {
    fmt::print(stderr, "metric {}: {}\n", name, problem);
    std::abort();
}

// The data model of Prometheus: [a-zA-Z_:][a-zA-Z0-9_:]* for metrics, without ':' for labels.
bool is_name(std::string_view text, bool colon) {
    const auto fits = [&](char c, bool digit) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               (colon && c == ':') || (digit && c >= '0' && c <= '9');
    };
    return !text.empty() && fits(text[0], false) &&
           std::ranges::all_of(text, [&](char c) { return fits(c, true); });
}

void append_escaped(std::string& page, std::string_view text, bool quote) {
    for (const char c : text) {
        if (c == '\\') {
            page += "\\\\";
        } else if (c == '\n') {
            page += "\\n";
        } else if (c == '"' && quote) {
            page += "\\\"";
        } else {
            page += c;
        }
    }
}

std::string label_text(const label_list& labels) {
    std::string text;
    for (const auto& [key, value] : labels) {
        if (!text.empty()) text += ',';
        text += key;
        text += "=\"";
        append_escaped(text, value, true);
        text += '"';
    }
    return text;
}

void append_value(std::string& page, double value) {
    if (std::isnan(value)) {
        page += "NaN";
    } else if (std::isinf(value)) {
        page += value > 0 ? "+Inf" : "-Inf";
    } else {
        fmt::format_to(std::back_inserter(page), "{}", value);
    }
}

enum class kind : std::uint8_t { counter, gauge, histogram };

std::string_view name_of(kind type) noexcept {
    return type == kind::counter ? "counter" : type == kind::gauge ? "gauge" : "histogram";
}

// Exactly one of the four is set.
struct series {
    obs::counter* count = nullptr;
    obs::gauge* level = nullptr;
    obs::histogram* spread = nullptr;
    std::function<double()> read;
};

struct family {
    kind type{};
    std::string help;
    std::vector<std::string> label_names;
    std::map<std::string, series> members;  // by label text
};

void append_sample(std::string& page, std::string_view name, std::string_view labels,
                   std::string_view extra_label, double value) {
    page += name;
    if (!labels.empty() || !extra_label.empty()) {
        page += '{';
        page += labels;
        if (!labels.empty() && !extra_label.empty()) page += ',';
        page += extra_label;
        page += '}';
    }
    page += ' ';
    append_value(page, value);
    page += '\n';
}

void append_histogram(std::string& page, const std::string& name, const std::string& labels,
                      const obs::histogram& spread) {
    std::uint64_t total = 0;
    const auto bounds = spread.bounds();
    for (std::size_t index = 0; index <= bounds.size(); ++index) {
        total += spread.bucket(index);
        const auto edge = index < bounds.size() ? fmt::format("le=\"{}\"", bounds[index])
                                                : std::string("le=\"+Inf\"");
        append_sample(page, name + "_bucket", labels, edge, static_cast<double>(total));
    }
    append_sample(page, name + "_sum", labels, {}, spread.sum());
    append_sample(page, name + "_count", labels, {}, static_cast<double>(total));
}

void append_series(std::string& page, const std::string& name, const std::string& labels,
                   const series& member) {
    if (member.read) {
        append_sample(page, name, labels, {}, member.read());
    } else if (member.count != nullptr) {
        append_sample(page, name, labels, {}, static_cast<double>(member.count->value()));
    } else if (member.level != nullptr) {
        append_sample(page, name, labels, {}, member.level->value());
    } else if (member.spread != nullptr) {
        append_histogram(page, name, labels, *member.spread);
    }
}

}  // namespace

std::span<const double> latency_bounds_seconds() noexcept {
    return latency_bounds;
}

histogram::histogram(std::span<const double> upper_bounds)
    : bounds_(upper_bounds.begin(), upper_bounds.end()),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {}

void histogram::observe(double value) noexcept {
    if (std::isnan(value)) return;
    const auto index = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
    buckets_[static_cast<std::size_t>(index)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t histogram::bucket(std::size_t index) const noexcept {
    return buckets_[index].load(std::memory_order_relaxed);
}

struct registry::state {
    mutable std::mutex mutex;
    std::map<std::string, family, std::less<>> families;
    std::deque<obs::counter> counters;  // deques, because references must stay valid
    std::deque<obs::gauge> gauges;
    std::deque<obs::histogram> histograms;

    series& declare(std::string_view name, std::string_view help, kind type,
                    const label_list& labels) {
        if (!is_name(name, true)) defect(name, "is not a metric name");
        std::vector<std::string> names;
        for (const auto& [key, value] : labels) {
            if (!is_name(key, false) || key.starts_with("__"))
                defect(name, fmt::format("bad label name '{}'", key));
            if (type == kind::histogram && key == "le")
                defect(name, "the label 'le' is reserved for buckets");
            if (std::ranges::find(names, key) != names.end()) {
                defect(name, fmt::format("has the label '{}' twice", key));
            }
            names.push_back(key);
        }
        auto [it, is_new] = families.try_emplace(std::string(name));
        auto& group = it->second;
        if (is_new) {
            group.type = type;
            group.help = help;
            group.label_names = names;
        } else if (group.type != type) {
            defect(name, "was declared with another type");
        } else if (group.label_names != names) {
            defect(name, "was declared with other labels");
        }
        auto& member = group.members[label_text(labels)];
        if (group.members.size() > series_max) defect(name, "has too many series");
        if (member.read) defect(name, "already has a callback");
        return member;
    }

    void declare_callback(std::string_view name, std::string_view help, kind type,
                          const label_list& labels, std::function<double()> read) {
        auto& member = declare(name, help, type, labels);
        if (member.count != nullptr || member.level != nullptr) {
            defect(name, "already has a counter or gauge");
        }
        member.read = std::move(read);
    }
};

registry::registry() : state_(std::make_unique<state>()) {}
registry::~registry() = default;

counter& registry::make_counter(std::string_view name, std::string_view help, label_list labels) {
    const std::lock_guard lock(state_->mutex);
    auto& member = state_->declare(name, help, kind::counter, labels);
    if (member.count == nullptr) member.count = &state_->counters.emplace_back();
    return *member.count;
}

gauge& registry::make_gauge(std::string_view name, std::string_view help, label_list labels) {
    const std::lock_guard lock(state_->mutex);
    auto& member = state_->declare(name, help, kind::gauge, labels);
    if (member.level == nullptr) member.level = &state_->gauges.emplace_back();
    return *member.level;
}

histogram& registry::make_histogram(std::string_view name, std::string_view help,
                                    std::span<const double> bounds, label_list labels) {
    const std::lock_guard lock(state_->mutex);
    auto& member = state_->declare(name, help, kind::histogram, labels);
    if (member.spread == nullptr) {
        member.spread = &state_->histograms.emplace_back(bounds);
    } else if (!std::ranges::equal(member.spread->bounds(), bounds)) {
        defect(name, "was declared with other bounds");
    }
    return *member.spread;
}

void registry::make_callback_gauge(std::string_view name, std::string_view help, label_list labels,
                                   std::function<double()> read) {
    const std::lock_guard lock(state_->mutex);
    state_->declare_callback(name, help, kind::gauge, labels, std::move(read));
}

void registry::make_callback_counter(std::string_view name, std::string_view help,
                                     label_list labels, std::function<double()> read) {
    const std::lock_guard lock(state_->mutex);
    state_->declare_callback(name, help, kind::counter, labels, std::move(read));
}

std::string registry::expose() const {
    // Families and series are never erased or moved. expose() therefore reads values and runs
    // callbacks without the lock, and a callback may declare a metric.
    struct row {
        const std::string* labels;
        const series* member;
    };
    struct family_rows {
        const std::string* name;
        const family* group;
        std::vector<row> rows;
    };
    std::vector<family_rows> all;
    {
        const std::lock_guard lock(state_->mutex);
        all.reserve(state_->families.size());
        for (const auto& [name, group] : state_->families) {
            auto& entry = all.emplace_back(&name, &group);
            for (const auto& [labels, member] : group.members) {
                entry.rows.emplace_back(&labels, &member);
            }
        }
    }
    std::string page;
    for (const auto& [name, group, rows] : all) {
        page += "# HELP " + *name + ' ';
        append_escaped(page, group->help, false);
        fmt::format_to(std::back_inserter(page), "\n# TYPE {} {}\n", *name, name_of(group->type));
        for (const auto& [labels, member] : rows) append_series(page, *name, *labels, *member);
    }
    return page;
}

std::string registry::catalogue() const {
    const std::lock_guard lock(state_->mutex);
    std::string lines;
    for (const auto& [name, group] : state_->families) {
        lines +=
            fmt::format("{} {} {}\n", name, name_of(group.type), fmt::join(group.label_names, ","));
    }
    return lines;
}

}  // namespace obs
