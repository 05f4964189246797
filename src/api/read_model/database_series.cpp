#include "api/read_model/database_series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>

#include "domain/metric.hpp"
#include "domain/quota.hpp"

namespace api {
namespace {

constexpr std::array<std::array<std::string_view, 2>, 9> described{{
    {"info", "The engine version and the topology of the database."},
    {"phase", "1 for the phase that the database is in."},
    {"metrics_fresh",
     "1 if the metrics of the database are fresh; its other metrics are absent if they are not."},
    {"metrics_timestamp_seconds", "Time of the last successful scrape, in seconds since 1970."},
    {"members", "Members of the database in the cluster."},
    {"members_ready", "Members of the database that are ready."},
    {"cpu_requested_cores", "CPU of all members."},
    {"memory_requested_bytes", "Memory of all members."},
    {"storage_requested_bytes", "Storage of all members."},
}};

std::vector<series_family> make_families() {
    std::vector<series_family> families;
    families.reserve(described.size() + domain::metric_count + 1);
    for (const auto& [name, help] : described) {
        families.push_back({.name = fmt::format("dbaas_database_{}", name),
                            .help = std::string(help),
                            .is_info = name == "info"});
    }
    for (const auto& metric : domain::all_metrics()) {
        auto name = fmt::format("dbaas_database_{}", metric.name);
        std::ranges::replace(name, '.', '_');
        // Prometheus reserves the suffix for histograms and summaries.
        if (name.ends_with("_count")) name.resize(name.size() - std::string_view("_count").size());
        families.push_back(
            {.name = std::move(name), .help = std::string(metric.help), .needs_fresh = true});
    }
    families.push_back({.name = "dbaas_database_cpu_used_cores",
                        .help = "CPU that the scraped member uses.",
                        .needs_fresh = true});
    return families;
}

// Returns NaN if the engine does not report it.
double engine_metric(const domain::metrics_sample& sample, std::string_view name) {
    const auto& metrics = sample.engine_metrics;
    const auto entry = std::ranges::find(metrics, name, &std::pair<std::string, double>::first);
    return entry == metrics.end() ? std::nan("") : entry->second;
}

// Escapes the value of a label.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\' || c == '"') result += '\\';
        if (c == '\n') {
            result += "\\n";
        } else {
            result += c;
        }
    }
    return result;
}

class endings_writer {
  public:
    explicit endings_writer(database_series& series) : series_(series) {}
    void value(double number) {
        if (std::isfinite(number)) {
            fmt::format_to(std::back_inserter(series_.endings), "}} {}\n", number);
        }
        end_family();
    }
    void text(std::string_view ending) {
        series_.endings += ending;
        end_family();
    }

  private:
    void end_family() {
        series_.ends.push_back(static_cast<std::uint16_t>(series_.endings.size()));
    }
    database_series& series_;
};

}  // namespace

std::span<const series_family> series_families() {
    static const auto families = make_families();
    return families;
}

database_series encode_series(const app::database_view& view) {
    const auto& record = *view.record;
    database_series series{
        .labels = fmt::format(R"({{database_id="{}",project="{}",database="{}",engine="{}")",
                              escaped(record.id), escaped(record.project), escaped(record.name),
                              escaped(record.engine))};
    series.endings.reserve(512);
    series.ends.reserve(series_families().size());
    endings_writer out(series);
    out.text(fmt::format(",version=\"{}\",mode=\"{}\"}} 1\n", escaped(record.version),
                         domain::name(record.topology.mode)));
    out.text(fmt::format(",phase=\"{}\"}} 1\n", domain::name(view.status.phase)));
    out.text("");  // written per request
    const auto* sample = view.sample.get();
    using seconds = std::chrono::duration<double>;
    out.value(sample == nullptr ? std::nan("")
                                : seconds(sample->observed_at.time_since_epoch()).count());
    const auto* observed = view.observed.get();
    const auto is_ready = [](const domain::member& member) { return member.ready; };
    out.value(observed == nullptr ? std::nan("") : static_cast<double>(observed->members.size()));
    out.value(observed == nullptr
                  ? std::nan("")
                  : static_cast<double>(std::ranges::count_if(observed->members, is_ready)));
    const auto usage = domain::usage_of(record);
    out.value(static_cast<double>(usage.cpu_millis) / 1000);
    out.value(static_cast<double>(usage.memory_bytes));
    out.value(static_cast<double>(usage.storage_bytes));
    for (const auto& metric : domain::all_metrics()) {
        out.value(sample == nullptr ? std::nan("") : sample->values[metric.id]);
    }
    out.value(sample == nullptr ? std::nan("") : engine_metric(*sample, "cpu_cores"));
    return series;
}

}  // namespace api
