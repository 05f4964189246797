#pragma once
// The report of `dbaas report cost`: requests, use and idle databases, from the page
// /metrics/databases and the metrics history. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "main/pod_usage.hpp"

namespace cost {

struct resources {
    double cpu_cores = 0;
    double memory_bytes = 0;
    double storage_bytes = 0;
};

// unknown: not running, no metrics, or a history that covers less than half of the window.
enum class activity : std::uint8_t { unknown, active, idle, paused };
[[nodiscard]] constexpr std::string_view name(activity value) noexcept {
    switch (value) {
        case activity::unknown:
            return "unknown";
        case activity::active:
            return "active";
        case activity::idle:
            return "idle";
        case activity::paused:
            return "paused";
    }
    return "";
}

// exporter: the scraped member alone. metrics_api: the sum of all members.
enum class cpu_source : std::uint8_t { none, exporter, metrics_api };
[[nodiscard]] constexpr std::string_view name(cpu_source value) noexcept {
    switch (value) {
        case cpu_source::none:
            return "";
        case cpu_source::exporter:
            return "exporter";
        case cpu_source::metrics_api:
            return "metrics.k8s.io";
    }
    return "";
}

// The latest and the largest value of a metric; nullopt if the engine does not report it.
struct load {
    std::optional<double> current{};
    std::optional<double> peak{};
};

struct database {
    std::string id{};
    std::string project{};
    std::string name{};
    std::string engine{};
    std::string phase{};
    resources requested{};             // a paused database requests storage alone
    std::optional<double> cpu_used{};  // cores
    cost::cpu_source cpu_source = cpu_source::none;
    std::optional<double> memory_used{};
    std::optional<double> storage_used{};
    load connections{};
    load operations{};  // per second
    cost::activity activity = activity::unknown;
};

// A database above one of them is in use. The exporter has one connection and sends commands.
struct thresholds {
    double connections = 1;
    double operations = 5;  // per second
};

// Per month, in any currency.
struct prices {
    double cpu_core = 0;
    double memory_gib = 0;
    double storage_gib = 0;
};

// The values of a range of the history, without their times; nullopt for a step without a value.
using history = std::vector<std::optional<double>>;

// Returns the databases of a page of /metrics/databases, ordered by project and name. Their
// activity is `paused`, or `active` if a current value is above its threshold, else `unknown`.
// Errors: corrupt.
base::outcome<std::vector<database>> read_page(std::string_view page, const thresholds& limits);

// Returns the points of a response of …/metrics/history. Errors: corrupt.
base::outcome<history> read_history(std::string_view body);

// Returns whether only the history can show that the database is idle.
bool needs_history(const database& entry) noexcept;

// Sets the peaks and the activity. Precondition: needs_history().
void judge(database& entry, const history& connections, const history& operations,
           const thresholds& limits);

// Replaces the CPU use by that of metrics.k8s.io. A database without pods there keeps its value.
void set_cpu(std::vector<database>& databases, const cpu_by_database& cores);

struct settings {
    int window_hours = 24;
    thresholds limits{};
    std::optional<cost::prices> prices{};
};

// A table with one line per database, the sums per project, and the idle databases.
std::string as_text(const std::vector<database>& databases, const settings& settings);
// {"window_hours":…,"databases":[…],"projects":[…],"total":{…}}
std::string as_json(const std::vector<database>& databases, const settings& settings);

}  // namespace cost
