#pragma once
// The minimum severities of the log, one for each module. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "obs/log.hpp"

namespace obs {

// The modules with a separate minimum severity. `scrape` logs the scrapes of databases. `main`
// logs everything else, such as the start and the reloads.
enum class log_module : std::uint8_t {
    api,
    app,
    kube,
    kubedb,
    main,
    mongo,
    oidc,
    otlp,
    redis,
    scrape,
    sqlite
};
inline constexpr std::size_t log_module_count = std::size_t(log_module::sqlite) + 1;
// The names of the modules, in the order of the enumeration.
inline constexpr std::array<std::string_view, log_module_count> log_module_names{
    "api", "app", "kube", "kubedb", "main", "mongo", "oidc", "otlp", "redis", "scrape", "sqlite"};

// The names of the severities, in the order of the enumeration.
inline constexpr std::array<std::string_view, std::size_t(level::off) + 1> level_names{
    "trace", "debug", "info", "warning", "error", "critical", "off"};

struct log_levels {
    level common = level::info;  // of the modules without a separate level
    std::array<std::optional<level>, log_module_count> modules{};

    [[nodiscard]] level of(log_module module) const noexcept {
        return modules[static_cast<std::size_t>(module)].value_or(common);
    }
    bool operator==(const log_levels&) const = default;
};

// Parses "LEVEL", "MODULE=LEVEL" or a list of both, separated by commas: "info,scrape=debug".
// Without a LEVEL, the common level is info. Errors: invalid (the text names the part and the
// accepted values; the reason is `repeated` for a part that repeats another one).
base::outcome<log_levels> parse_log_levels(std::string_view text);
// Returns the text that parse_log_levels() accepts.
std::string to_text(const log_levels& levels);

}  // namespace obs
