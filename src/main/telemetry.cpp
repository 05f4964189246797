#include "main/telemetry.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/time_text.hpp"
#include "sentry/crash_record.hpp"

namespace {

struct endpoint {
    std::string_view path;         // after the base URL
    const std::string& whole_url;  // empty: the base URL and `path`
    std::string_view variable;     // of `whole_url`
};

base::outcome<otlp::exporter_options> exporter_options(const config::options& options,
                                                       const exporter_deps& deps,
                                                       const endpoint& target) {
    auto server = otlp::signal_url(options.otlp_endpoint, target.whole_url, target.path);
    if (!server) {
        return base::pass(std::move(server), target.whole_url.empty()
                                                 ? "OTEL_EXPORTER_OTLP_ENDPOINT"
                                                 : std::string(target.variable));
    }
    auto attributes = otlp::parse_attributes(options.otel_resource_attributes);
    if (!attributes) return base::pass(std::move(attributes), "OTEL_RESOURCE_ATTRIBUTES");
    const auto headers = otlp::parse_headers(options.otlp_headers.reveal());
    if (!headers) return base::pass(headers, "OTEL_EXPORTER_OTLP_HEADERS");
    otlp::exporter_options result{.server = std::move(*server)};
    for (const auto& [name, value] : *headers) {
        result.headers.emplace_back(name, base::secret(value));
    }
    result.resource = {.service_name = options.otel_service_name,
                       .service_version = DBAAS_VERSION,
                       .service_instance_id = deps.replica,
                       .attributes = std::move(*attributes)};
    result.resource.attributes.emplace_back("deployment.environment.name",
                                            std::string(config::name(options.environment)));
    return result;
}

}  // namespace

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

base::outcome<std::unique_ptr<otlp::span_exporter>> make_span_exporter(
    const config::options& options, const exporter_deps& deps) {
    if (options.otlp_endpoint.empty() && options.otlp_traces_endpoint.empty()) return nullptr;
    auto settings = exporter_options(options, deps,
                                     {.path = "/v1/traces",
                                      .whole_url = options.otlp_traces_endpoint,
                                      .variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"});
    if (!settings) return base::pass(std::move(settings));
    const auto sampler =
        otlp::parse_sampler(options.otel_traces_sampler, options.otel_traces_sampler_argument);
    if (!sampler) return base::pass(sampler);
    return std::make_unique<otlp::span_exporter>(std::move(*settings), *sampler, deps.clock,
                                                 deps.registry, deps.log);
}

base::outcome<std::unique_ptr<otlp::log_exporter>> make_audit_exporter(
    const config::options& options, const exporter_deps& deps) {
    if (options.audit_export == config::audit_export_mode::none) return nullptr;
    auto settings = exporter_options(options, deps,
                                     {.path = "/v1/logs",
                                      .whole_url = options.otlp_logs_endpoint,
                                      .variable = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"});
    if (!settings) return base::pass(std::move(settings));
    return std::make_unique<otlp::log_exporter>(std::move(*settings), deps.clock, deps.registry,
                                                deps.log);
}
