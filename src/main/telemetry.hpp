#pragma once
// The log, the reports of errors and the traces of the process, made from the options.

#include <memory>
#include <string>

#include "base/failure.hpp"
#include "config/config.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "otlp/log_exporter.hpp"
#include "otlp/span_exporter.hpp"
#include "sentry/reporting_log.hpp"

// Returns the name of this machine or pod.
std::string host_name();

// Returns null without sentry-dsn. Errors: invalid.
base::outcome<std::unique_ptr<sentry::reporting_log>> make_reporter(const config::options& options,
                                                                    obs::log_service& target);

// Reports the crash of the previous process, if it left a record in data_dir or in the directory of
// temporary files, and installs the handler that writes one.
void watch_crashes(const config::options& options, obs::log& log);

// Returns the log that writes to standard error.
std::unique_ptr<obs::log_service> start_log(const config::options& options);

struct exporter_deps {
    const std::string& replica;  // names this process
    const base::clock& clock;
    obs::registry& registry;
    obs::log& log;
};
// Returns null without an endpoint. Errors: invalid.
base::outcome<std::unique_ptr<otlp::span_exporter>> make_span_exporter(
    const config::options& options, const exporter_deps& deps);
// Returns the log that receives the rows of the audit log; null without audit-export. Errors:
// invalid.
base::outcome<std::unique_ptr<otlp::log_exporter>> make_audit_exporter(
    const config::options& options, const exporter_deps& deps);
