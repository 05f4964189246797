#include "main/telemetry.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/time_text.hpp"
#include "sentry/crash_record.hpp"

std::string host_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return host.data();
}

base::outcome<std::unique_ptr<sentry::reporting_log>> make_reporter(const config::options& options,
                                                                    obs::log_service& target) {
    if (options.sentry_dsn.empty()) return nullptr;
    auto server = sentry::parse_dsn(options.sentry_dsn);
    if (!server) return base::pass(std::move(server), "sentry-dsn");
    return std::make_unique<sentry::reporting_log>(
        target, std::move(*server),
        sentry::report_options{.release = DBAAS_VERSION,
                               .environment = std::string(config::name(options.environment)),
                               .server_name = host_name()},
        base::system_clock());
}

void watch_crashes(const config::options& options, obs::log& log) {
    const auto path = sentry::crash_record_path(options.data_dir);
    if (const auto record = sentry::take_crash_record(path)) {
        // `name` and `code` group the reports.
        const auto instruction = record->frames.empty() ? 0 : record->frames.front();
        log.write(obs::level::critical, "process_crashed",
                  {{"name", record->signal_name},
                   {"code", fmt::format("0x{:x}", instruction)},
                   {"fault_address", fmt::format("0x{:x}", record->fault_address)},
                   {"version", record->version},
                   {"build_id", record->build_id},
                   {"crashed_at", base::to_rfc3339_micro(record->time)},
                   {"frames", sentry::frames_text(*record)}});
    }
    sentry::install_crash_handler(path, DBAAS_VERSION);
}

std::unique_ptr<obs::log_service> start_log(const config::options& options) {
    const bool is_terminal = isatty(STDERR_FILENO) != 0;
    const bool is_console = config::has_console_log(options, is_terminal);
    return obs::make_log({.level_min = options.log_levels.of(obs::log_module::main),
                          .format = is_console ? obs::log_format::console : obs::log_format::json,
                          .colour = is_console && is_terminal,
                          .environment = std::string(config::name(options.environment))});
}

base::outcome<std::unique_ptr<otlp::span_exporter>> make_exporter(const config::options& options,
                                                                  const std::string& replica,
                                                                  const base::clock& clock,
                                                                  obs::registry& registry,
                                                                  obs::log& log) {
    if (options.otlp_endpoint.empty() && options.otlp_traces_endpoint.empty()) return nullptr;
    auto server = otlp::traces_url(options.otlp_endpoint, options.otlp_traces_endpoint);
    if (!server) {
        return base::pass(std::move(server), options.otlp_traces_endpoint.empty()
                                                 ? "OTEL_EXPORTER_OTLP_ENDPOINT"
                                                 : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    }
    auto sampler =
        otlp::parse_sampler(options.otel_traces_sampler, options.otel_traces_sampler_argument);
    if (!sampler) return base::pass(std::move(sampler));
    auto attributes = otlp::parse_attributes(options.otel_resource_attributes);
    if (!attributes) return base::pass(std::move(attributes), "OTEL_RESOURCE_ATTRIBUTES");
    const auto headers = otlp::parse_headers(options.otlp_headers.reveal());
    if (!headers) return base::pass(headers, "OTEL_EXPORTER_OTLP_HEADERS");
    otlp::exporter_options settings{.server = std::move(*server), .sampler = *sampler};
    for (const auto& [name, value] : *headers) {
        settings.headers.emplace_back(name, base::secret(value));
    }
    settings.resource = {.service_name = options.otel_service_name,
                         .service_version = DBAAS_VERSION,
                         .service_instance_id = replica,
                         .attributes = std::move(*attributes)};
    settings.resource.attributes.emplace_back("deployment.environment.name",
                                              std::string(config::name(options.environment)));
    return std::make_unique<otlp::span_exporter>(std::move(settings), clock, registry, log);
}
