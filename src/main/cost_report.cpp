#include "main/cost_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "scrape/exposition.hpp"

namespace cost {
namespace {

constexpr double gibibyte = 1024.0 * 1024 * 1024;

struct label_values {
    std::string id;
    std::string project;
    std::string name;
    std::string engine;
    std::string phase;
};

label_values read_labels(const scrape::sample& sample) {
    label_values result;
    const std::map<std::string_view, std::string*> targets{{"database_id", &result.id},
                                                           {"project", &result.project},
                                                           {"database", &result.name},
                                                           {"engine", &result.engine},
                                                           {"phase", &result.phase}};
    for (const auto& label : sample.labels) {
        const auto target = targets.find(label.name);
        if (target == targets.end()) continue;
        *target->second = label.escaped ? scrape::unescaped(label.value) : std::string(label.value);
    }
    return result;
}

void set_value(database& entry, std::string_view metric, double value) {
    if (metric == "cpu_requested_cores") entry.requested.cpu_cores = value;
    if (metric == "memory_requested_bytes") entry.requested.memory_bytes = value;
    if (metric == "storage_requested_bytes") entry.requested.storage_bytes = value;
    if (metric == "cpu_used_cores") {
        entry.cpu_used = value;
        entry.cpu_source = cpu_source::exporter;
    }
    if (metric == "memory_used_bytes") entry.memory_used = value;
    if (metric == "storage_used_bytes") entry.storage_used = value;
    if (metric == "connections_current") entry.connections.current = value;
    if (metric == "operations_per_second") entry.operations.current = value;
}

bool is_above(const std::optional<double>& value, double limit) noexcept {
    return value && *value > limit;
}

std::optional<double> peak_of(const history& points) {
    std::optional<double> result;
    for (const auto& point : points) {
        if (point) result = std::max(result.value_or(*point), *point);
    }
    return result;
}

bool covers_half(const history& points) {
    const auto known = std::ranges::count_if(points, [](const auto& point) { return !!point; });
    return known > 0 && std::size_t(known) * 2 >= points.size();
}

double price_of(const resources& amount, const prices& prices) {
    return amount.cpu_cores * prices.cpu_core + amount.memory_bytes / gibibyte * prices.memory_gib +
           amount.storage_bytes / gibibyte * prices.storage_gib;
}

// A pause deletes the pods and keeps the volumes.
resources savings_of(const database& entry) {
    if (entry.activity != activity::idle) return {};
    return {.cpu_cores = entry.requested.cpu_cores, .memory_bytes = entry.requested.memory_bytes};
}

struct sum {
    std::size_t databases = 0;
    std::size_t idle = 0;
    std::size_t with_cpu = 0;  // databases whose CPU use is known
    resources requested;
    double cpu_used = 0;
    double memory_used = 0;
    double storage_used = 0;
    resources savings;

    void add(const database& entry) {
        ++databases;
        idle += entry.activity == activity::idle ? 1 : 0;
        add(requested, entry.requested);
        add(savings, savings_of(entry));
        with_cpu += entry.cpu_used ? 1 : 0;
        cpu_used += entry.cpu_used.value_or(0);
        memory_used += entry.memory_used.value_or(0);
        storage_used += entry.storage_used.value_or(0);
    }

  private:
    static void add(resources& out, const resources& amount) {
        out.cpu_cores += amount.cpu_cores;
        out.memory_bytes += amount.memory_bytes;
        out.storage_bytes += amount.storage_bytes;
    }
};

std::map<std::string, sum> sums_of_projects(const std::vector<database>& databases) {
    std::map<std::string, sum> result;
    for (const auto& entry : databases) result[entry.project].add(entry);
    return result;
}

sum total_of(const std::vector<database>& databases) {
    sum result;
    for (const auto& entry : databases) result.add(entry);
    return result;
}

std::string bytes_text(double bytes) {
    if (bytes >= gibibyte) return fmt::format("{:.1f}Gi", bytes / gibibyte);
    return fmt::format("{:.0f}Mi", bytes / (1024 * 1024));
}

std::string optional_text(const std::optional<double>& value,
                          const std::function<std::string(double)>& text) {
    return value ? text(*value) : std::string("-");
}

std::string number_text(double value) {
    return fmt::format("{:.4g}", value);
}

// Returns the rows with columns of equal width.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += fmt::format("{:<{}}  ", row[i], widths[i]);
        }
        line.resize(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::vector<std::string> row_of(const database& entry, const settings& settings) {
    const auto peak = [](const load& value) { return value.peak ? value.peak : value.current; };
    std::vector<std::string> row{entry.project,
                                 entry.name,
                                 entry.engine,
                                 entry.phase,
                                 number_text(entry.requested.cpu_cores),
                                 optional_text(entry.cpu_used, number_text),
                                 bytes_text(entry.requested.memory_bytes),
                                 optional_text(entry.memory_used, bytes_text),
                                 bytes_text(entry.requested.storage_bytes),
                                 optional_text(entry.storage_used, bytes_text),
                                 optional_text(peak(entry.connections), number_text),
                                 optional_text(peak(entry.operations), number_text),
                                 std::string(name(entry.activity))};
    if (settings.prices) {
        row.push_back(fmt::format("{:.2f}", price_of(entry.requested, *settings.prices)));
    }
    return row;
}

std::vector<std::string> row_of(const std::string& project, const sum& sum,
                                const settings& settings) {
    std::vector<std::string> row{project,
                                 fmt::format("{}", sum.databases),
                                 fmt::format("{}", sum.idle),
                                 number_text(sum.requested.cpu_cores),
                                 sum.with_cpu > 0 ? number_text(sum.cpu_used) : "-",
                                 bytes_text(sum.requested.memory_bytes),
                                 bytes_text(sum.memory_used),
                                 bytes_text(sum.requested.storage_bytes),
                                 bytes_text(sum.storage_used),
                                 number_text(sum.savings.cpu_cores),
                                 bytes_text(sum.savings.memory_bytes)};
    if (settings.prices) {
        row.push_back(fmt::format("{:.2f}", price_of(sum.requested, *settings.prices)));
        row.push_back(fmt::format("{:.2f}", price_of(sum.savings, *settings.prices)));
    }
    return row;
}

void write(json::writer& out, std::string_view key, const resources& amount) {
    out.key(key).begin_object().key("cpu_cores").number(amount.cpu_cores);
    out.key("memory_bytes").number(amount.memory_bytes);
    out.key("storage_bytes").number(amount.storage_bytes).end_object();
}

void write(json::writer& out, std::string_view key, const std::optional<double>& value) {
    if (value) {
        out.key(key).number(*value);
    } else {
        out.key(key).null();
    }
}

void write_costs(json::writer& out, const resources& requested, const resources& savings,
                 const settings& settings) {
    if (!settings.prices) return;
    out.key("cost_per_month").number(price_of(requested, *settings.prices));
    out.key("savings_per_month").number(price_of(savings, *settings.prices));
}

void write(json::writer& out, const database& entry, const settings& settings) {
    out.begin_object().member("id", entry.id).member("project", entry.project);
    out.member("name", entry.name).member("engine", entry.engine).member("phase", entry.phase);
    out.member("activity", name(entry.activity));
    write(out, "requested", entry.requested);
    out.key("used").begin_object();
    write(out, "cpu_cores", entry.cpu_used);
    out.member("cpu_source", name(entry.cpu_source));
    write(out, "memory_bytes", entry.memory_used);
    write(out, "storage_bytes", entry.storage_used);
    out.end_object();
    for (const auto& [key, value] : {std::tuple("connections", &entry.connections),
                                     std::tuple("operations_per_second", &entry.operations)}) {
        out.key(key).begin_object();
        write(out, "current", value->current);
        write(out, "peak", value->peak);
        out.end_object();
    }
    const auto savings = savings_of(entry);
    write(out, "savings", savings);
    write_costs(out, entry.requested, savings, settings);
    out.end_object();
}

// Writes the members of an open object.
void write(json::writer& out, const sum& sum, const settings& settings) {
    out.member("databases", std::int64_t(sum.databases)).member("idle", std::int64_t(sum.idle));
    write(out, "requested", sum.requested);
    out.key("used").begin_object().key("cpu_cores").number(sum.cpu_used);
    out.member("databases_with_cpu", std::int64_t(sum.with_cpu));
    out.key("memory_bytes").number(sum.memory_used);
    out.key("storage_bytes").number(sum.storage_used).end_object();
    write(out, "savings", sum.savings);
    write_costs(out, sum.requested, sum.savings, settings);
}

// Says what the column of the CPU use contains.
std::string cpu_text(const std::vector<database>& databases, std::size_t with_cpu) {
    const auto count_of = [&](cpu_source source) {
        return std::ranges::count(databases, source, &database::cpu_source);
    };
    auto text =
        fmt::format("The CPU use of {} of {} databases is known", with_cpu, databases.size());
    if (const auto count = count_of(cpu_source::metrics_api); count > 0) {
        text += fmt::format("; of {} by metrics.k8s.io: all members", count);
    }
    if (const auto count = count_of(cpu_source::exporter); count > 0) {
        text += fmt::format("; of {} by the exporter: the member that was scraped", count);
    }
    return text + ". It is the present use, not the peak of the window.\n";
}

}  // namespace

base::outcome<std::vector<database>> read_page(std::string_view page, const thresholds& limits) {
    constexpr std::string_view prefix = "dbaas_database_";
    scrape::page_reader reader({.page_bytes = page.size() + 1});
    reader.open(page, scrape::page_format::text);
    std::map<std::string, database> entries;
    scrape::sample sample;
    while (reader.next(sample)) {
        if (!sample.name.starts_with(prefix)) continue;
        auto labels = read_labels(sample);
        auto& entry = entries[labels.id];
        entry.id = std::move(labels.id);
        entry.project = std::move(labels.project);
        entry.name = std::move(labels.name);
        entry.engine = std::move(labels.engine);
        if (!labels.phase.empty() && sample.value == 1) entry.phase = std::move(labels.phase);
        set_value(entry, sample.name.substr(prefix.size()), sample.value);
    }
    auto finished = reader.finish();
    if (!finished) return base::pass(std::move(finished));
    std::vector<database> result;
    result.reserve(entries.size());
    for (auto& [id, entry] : entries) {
        if (entry.phase == "paused") {
            entry.activity = activity::paused;
            entry.requested = {.storage_bytes = entry.requested.storage_bytes};
        } else if (is_above(entry.connections.current, limits.connections) ||
                   is_above(entry.operations.current, limits.operations)) {
            entry.activity = activity::active;
        }
        result.push_back(std::move(entry));
    }
    std::ranges::sort(result, {}, [](const database& entry) {
        return std::tie(entry.project, entry.name, entry.id);
    });
    return result;
}

base::outcome<history> read_history(std::string_view body) {
    const auto document = json::try_parse(body);
    const auto* const points = document ? json::array_at(document->if_object(), "points") : nullptr;
    if (points == nullptr) return base::fail(base::errc::corrupt, "the history has no points");
    history result;
    for (const auto& point : *points) {
        const auto* const pair = point.if_array();
        if (pair == nullptr || pair->size() != 2) {
            return base::fail(base::errc::corrupt, "a point of the history is no pair");
        }
        const auto& value = (*pair)[1];
        result.push_back(value.is_number() ? std::optional(value.to_number<double>())
                                           : std::nullopt);
    }
    return result;
}

bool needs_history(const database& entry) noexcept {
    return entry.phase == "running" && entry.activity == activity::unknown &&
           (entry.connections.current || entry.operations.current);
}

void judge(database& entry, const history& connections, const history& operations,
           const thresholds& limits) {
    entry.connections.peak = peak_of(connections);
    entry.operations.peak = peak_of(operations);
    if (is_above(entry.connections.peak, limits.connections) ||
        is_above(entry.operations.peak, limits.operations)) {
        entry.activity = activity::active;
    } else if (covers_half(connections) || covers_half(operations)) {
        entry.activity = activity::idle;
    }
}

void set_cpu(std::vector<database>& databases, const cpu_by_database& cores) {
    for (auto& entry : databases) {
        const auto known =
            cores.find({.project = entry.project, .engine = entry.engine, .name = entry.name});
        if (known == cores.end()) continue;
        entry.cpu_used = known->second;
        entry.cpu_source = cpu_source::metrics_api;
    }
}

std::string as_text(const std::vector<database>& databases, const settings& settings) {
    std::vector<std::vector<std::string>> rows{{"PROJECT", "DATABASE", "ENGINE", "PHASE", "CPU",
                                                "USED", "MEMORY", "USED", "STORAGE", "USED",
                                                "CONNECTIONS", "OPERATIONS/S", "ACTIVITY"}};
    std::vector<std::vector<std::string>> sums{{"PROJECT", "DATABASES", "IDLE", "CPU", "USED",
                                                "MEMORY", "USED", "STORAGE", "USED", "CPU IDLE",
                                                "MEMORY IDLE"}};
    if (settings.prices) {
        rows.front().emplace_back("COST/MONTH");
        sums.front().emplace_back("COST/MONTH");
        sums.front().emplace_back("IDLE/MONTH");
    }
    for (const auto& entry : databases) rows.push_back(row_of(entry, settings));
    for (const auto& [project, sum] : sums_of_projects(databases)) {
        sums.push_back(row_of(project, sum, settings));
    }
    const auto total = total_of(databases);
    sums.push_back(row_of("total", total, settings));
    auto text = aligned(rows) + '\n' + aligned(sums);
    text += fmt::format(
        "\n{} of {} databases were idle for {} h: at most {:.4g} connections and {:.4g} operations "
        "per second.\n",
        total.idle, total.databases, settings.window_hours, settings.limits.connections,
        settings.limits.operations);
    text += cpu_text(databases, total.with_cpu);
    for (const auto& entry : databases) {
        if (entry.activity != activity::idle) continue;
        text += fmt::format("a pause of {}/{} ({}) saves {} CPU and {} of memory\n", entry.project,
                            entry.name, entry.id, number_text(entry.requested.cpu_cores),
                            bytes_text(entry.requested.memory_bytes));
    }
    return text;
}

std::string as_json(const std::vector<database>& databases, const settings& settings) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("window_hours", settings.window_hours).key("databases").begin_array();
    for (const auto& entry : databases) write(out, entry, settings);
    out.end_array().key("projects").begin_array();
    for (const auto& [project, sum] : sums_of_projects(databases)) {
        out.begin_object().member("project", project);
        write(out, sum, settings);
        out.end_object();
    }
    out.end_array().key("total").begin_object();
    write(out, total_of(databases), settings);
    out.end_object().end_object();
    return text + "\n";
}

}  // namespace cost
