#include "config/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

#include "config/identity_options.hpp"
#include "config/option_readers.hpp"
#include "domain/metric.hpp"

namespace config {
namespace {

constexpr std::array table{
    option_description{.environment = "DBAAS_LISTEN",
                       .key = "listen",
                       .default_value = "127.0.0.1:8000",
                       .help = "Address of the API. An address other than loopback has "
                               "authentication, unless --insecure-no-auth is set.",
                       .format = "ADDRESS:PORT",
                       .read = read_listen},
    option_description{.environment = "DBAAS_AUTH",
                       .key = "auth",
                       .default_value = "auto",
                       .help = "Authentication. local: every client that reaches the loopback "
                               "address is an administrator. required: every request needs an API "
                               "key or an access token. auto: local on a loopback address if "
                               "neither ENVIRONMENT is production nor a credential is configured, "
                               "else required.",
                       .choices = auth_modes.names,
                       .read = read_choice<&options::auth, auth_modes>},
    option_description{.environment = "DBAAS_ADMIN_KEY_FILE",
                       .key = "admin-key-file",
                       .help = "File with an API key of the administrator, such as a mounted "
                               "Secret; made if it does not exist. Empty: admin-key in data-dir, "
                               "made if there is no administrator yet. Used with --auth required.",
                       .format = "path",
                       .read = read_text<&options::admin_key_file>},
    option_description{.environment = "BOOTSTRAP_ADMIN_PASSWORD",
                       .key = "bootstrap-admin-password",
                       .help = "Password of the user admin, an administrator, which a start "
                               "without users creates. Ignored if there are users.",
                       .format = "12 to 256 characters",
                       .is_secret = true,
                       .read = read_secret<&options::bootstrap_admin_password>},
    option_description{.environment = "BOOTSTRAP_ADMIN_PASSWORD_FILE",
                       .key = "bootstrap-admin-password-file",
                       .help = "File that contains the value of bootstrap-admin-password, such as "
                               "a mounted Secret.",
                       .format = "path",
                       .read = read_text<&options::bootstrap_admin_password_file>},
    option_description{.environment = "DBAAS_INSECURE_NO_AUTH",
                       .key = "insecure-no-auth",
                       .default_value = "false",
                       .help = "Treat every client that reaches the address as an administrator.",
                       .format = "true, false",
                       .is_switch = true,
                       .read = read_switch<&options::insecure_no_auth>},
    option_description{.environment = "ENVIRONMENT",
                       .key = "environment",
                       .default_value = "development",
                       .help = "Name of the installation; the field environment of every JSON log "
                               "line.",
                       .choices = environments.names,
                       .read = read_choice<&options::environment, environments>},
    option_description{.environment = "LOG_LEVEL",
                       .key = "log-level",
                       .default_value = "info",
                       .help = "Minimum severity of logged events, and those of single modules. "
                               "Levels: trace, debug, info, warning, error, critical, off. "
                               "Modules: api, app, kube, kubedb, main, mongo, oidc, otlp, redis, "
                               "scrape, sqlite.",
                       .format = "LEVEL or LEVEL,MODULE=LEVEL,...",
                       .is_reloadable = true,
                       .read = read_log_levels},
    option_description{.environment = "DBAAS_LOG_FORMAT",
                       .key = "log-format",
                       .default_value = "auto",
                       .help = "Format of the log. auto: console on a terminal, else JSON lines.",
                       .choices = log_styles.names,
                       .read = read_choice<&options::log_format, log_styles>},
    option_description{.environment = "CORS_ORIGINS",
                       .key = "cors-origins",
                       .help = "Origins of web pages that may call the API.",
                       .format = "origins, comma-separated, or *",
                       .read = read_origins},
    option_description{.environment = "DBAAS_HTTP_THREADS",
                       .key = "http-threads",
                       .default_value = "0",
                       .help = "Threads that serve HTTP requests; 0 = one per core.",
                       .range = {0, 64},
                       .read = read_number<&options::http_threads>},
    option_description{.environment = "DBAAS_MAX_CONNECTIONS",
                       .key = "max-connections",
                       .default_value = "20000",
                       .help = "Maximum of client connections; further ones receive 503.",
                       .range = {1, 1'000'000},
                       .read = read_number<&options::max_connections>},
    option_description{.environment = "DBAAS_MAX_STREAMS_PER_CLIENT",
                       .key = "max-streams-per-client",
                       .default_value = "1000",
                       .help = "Maximum of event streams per client address (IPv6: network of 64 "
                               "bits); further ones receive 429. All clients behind a proxy that "
                               "is not in trusted-proxies share its address.",
                       .range = {1, 1'000'000},
                       .read = read_number<&options::max_streams_per_client>},
    option_description{.environment = "DBAAS_RATE_LIMITS",
                       .key = "rate-limits",
                       .default_value = "auto",
                       .help = "Rate limits of callers. auto: on with --auth required.",
                       .choices = rate_limit_modes.names,
                       .read = read_choice<&options::rate_limits, rate_limit_modes>},
    option_description{.environment = "DBAAS_RATE_LIMIT_READS",
                       .key = "rate-limit-reads",
                       .default_value = "1000:2000",
                       .help = "Reads per second and caller. Each replica admits its share.",
                       .format = "RATE:BURST or off",
                       .read = read_rate_per_second<domain::rate_class::reads>},
    option_description{.environment = "DBAAS_RATE_LIMIT_WRITES",
                       .key = "rate-limit-writes",
                       .default_value = "20:100",
                       .help = "Writes per second and caller. Replicas share the limit through "
                               "redis-url; without it each admits its share.",
                       .format = "RATE:BURST or off",
                       .read = read_rate_per_second<domain::rate_class::writes>},
    option_description{.environment = "DBAAS_RATE_LIMIT_LOGINS",
                       .key = "rate-limit-logins",
                       .default_value = "5",
                       .help = "Logins per minute and user. The delay grows with each rejected "
                               "attempt, up to 15 minutes.",
                       .format = "RATE:BURST or off",
                       .read = read_logins_per_minute<domain::rate_class::logins>},
    option_description{.environment = "DBAAS_RATE_LIMIT_LOGINS_PER_ADDRESS",
                       .key = "rate-limit-logins-per-address",
                       .default_value = "20",
                       .help = "Logins per minute and client address (IPv6: network of 64 bits).",
                       .format = "RATE:BURST or off",
                       .read = read_logins_per_minute<domain::rate_class::logins_per_address>},
    option_description{.environment = "TRUSTED_PROXIES",
                       .key = "trusted-proxies",
                       .help = "Networks of the proxies whose X-Forwarded-For names the client.",
                       .format = "networks in CIDR notation, comma-separated",
                       .read = read_proxies},
    option_description{.environment = "DBAAS_TLS_CERT",
                       .key = "tls-cert",
                       .help = "Certificate chain (PEM). With a key, the API is served over TLS.",
                       .format = "path",
                       .read = read_text<&options::tls_certificate>},
    option_description{.environment = "DBAAS_TLS_KEY",
                       .key = "tls-key",
                       .help = "Private key (PEM).",
                       .format = "path",
                       .read = read_text<&options::tls_key>},
    option_description{.environment = "DBAAS_DATA_DIR",
                       .key = "data-dir",
                       .default_value = "data",
                       .help = "Directory of the embedded store. Not used with mongodb-url.",
                       .format = "path",
                       .read = read_data_dir},
    option_description{.environment = "DBAAS_KUBECONFIG",
                       .key = "kubeconfig",
                       .help = "Path of a kubeconfig file. Empty: the list in KUBECONFIG, else the "
                               "service account of the pod.",
                       .format = "path",
                       .read = read_text<&options::kubeconfig>},
    option_description{.environment = "DBAAS_KUBE_CONTEXT",
                       .key = "kube-context",
                       .help = "Context of the kubeconfig file. Empty: its current context.",
                       .format = "name",
                       .read = read_text<&options::kube_context>},
    option_description{.environment = "METRICS_SYNC_INTERVAL",
                       .key = "metrics-sync-interval",
                       .default_value = decimal<domain::metrics_interval_default.count()>::text,
                       .help = "Interval between two scrapes of a database.",
                       .range = {1, 3600},
                       .unit = "seconds",
                       .read = read_number<&options::metrics_interval>},
    option_description{.environment = "DBAAS_METRICS_TIMEOUT",
                       .key = "metrics-timeout",
                       .default_value = "10",
                       .help = "Timeout of one scrape.",
                       .range = {1, 120},
                       .unit = "seconds",
                       .read = read_number<&options::metrics_timeout>},
    option_description{.environment = "DBAAS_METRICS_CONCURRENCY",
                       .key = "metrics-concurrency",
                       .default_value = "64",
                       .help = "Maximum of scrapes at the same time.",
                       .range = {1, 1024},
                       .read = read_number<&options::metrics_concurrency>},
    option_description{
        .environment = "DBAAS_METRICS_PAGE_LIMIT",
        .key = "metrics-page-limit",
        .default_value = "8",
        .help = "Maximum size of the page of an exporter. Larger pages are rejected.",
        .range = {1, 256},
        .unit = "MiB",
        .read = read_number<&options::metrics_page_limit>},
    option_description{.environment = "DBAAS_METRICS_MODE",
                       .key = "metrics-mode",
                       .default_value = "auto",
                       .help = "Path to the exporters. proxy: the service proxy of the API server. "
                               "direct: the names of the services, inside of the cluster only. "
                               "auto: direct with the service account of the pod, else proxy.",
                       .choices = metrics_modes.names,
                       .read = read_choice<&options::metrics, metrics_modes>},
    option_description{.environment = "DBAAS_HISTORY_HOURS",
                       .key = "history-hours",
                       .default_value = "24",
                       .help = "Retention of the metrics history; 0 = no history.",
                       .range = {0, 168},
                       .unit = "hours",
                       .read = read_number<&options::history>},
    option_description{.environment = "DBAAS_AUDIT_RETENTION",
                       .key = "audit-retention",
                       .default_value = "365",
                       .help = "Retention of the audit log.",
                       .range = {1, 36500},
                       .unit = "days",
                       .read = read_number<&options::audit_retention>},
    option_description{.environment = "DBAAS_AUDIT_EXPORT",
                       .key = "audit-export",
                       .default_value = "none",
                       .help = "Other systems that receive each row of the audit log: none, or a "
                               "collector by OTLP/HTTP. Needs otel-exporter-otlp-endpoint or "
                               "otel-exporter-otlp-logs-endpoint.",
                       .choices = audit_export_modes.names,
                       .read = read_choice<&options::audit_export, audit_export_modes>},
    option_description{.environment = "DBAAS_PROVISION_TIMEOUT",
                       .key = "provision-timeout",
                       .default_value = "900",
                       .help = "Timeout after which an operation fails.",
                       .range = {30, 86400},
                       .unit = "seconds",
                       .read = read_number<&options::provision_timeout>},
    option_description{
        .environment = "DBAAS_START_TIMEOUT",
        .key = "start-timeout",
        .default_value = "60",
        .help = "Time for which a start repeats its attempts while MongoDB does not respond.",
        .range = {0, 600},
        .unit = "seconds",
        .read = read_number<&options::start_timeout>},
    option_description{.environment = "DBAAS_SHUTDOWN_GRACE",
                       .key = "shutdown-grace",
                       .default_value = "25",
                       .help = "Grace period for in-flight requests after SIGTERM.",
                       .range = {1, 600},
                       .unit = "seconds",
                       .read = read_number<&options::shutdown_grace>},
    option_description{
        .environment = "DBAAS_DRAIN_DELAY",
        .key = "drain-delay",
        .default_value = "0",
        .help = "Time to keep serving after SIGTERM while /health/ready returns 503.",
        .range = {0, 120},
        .unit = "seconds",
        .read = read_number<&options::drain_delay>},
    option_description{.environment = "MONGODB_URL",
                       .key = "mongodb-url",
                       .help = "Store of the records, for several replicas. Its path names the "
                               "database (default: dbaas), its options TLS and the replica set. "
                               "Empty: embedded SQLite in data-dir.",
                       .format = "mongodb://... or mongodb+srv://...",
                       .is_secret = true,
                       .read = read_url<&options::mongodb_url, mongodb_schemes>},
    option_description{.environment = "MONGODB_URL_FILE",
                       .key = "mongodb-url-file",
                       .help = "File that contains the value of mongodb-url, such as a mounted "
                               "Secret.",
                       .format = "path",
                       .read = read_text<&options::mongodb_url_file>},
    option_description{.environment = "REDIS_URL",
                       .key = "redis-url",
                       .help =
                           "Redis that carries messages between replicas: standalone, Sentinel, "
                           "Cluster or a proxy. Empty: replicas read the store more often.",
                       .format = "redis://..., rediss://... or redis+sentinel://host/master",
                       .is_secret = true,
                       .read = read_url<&options::redis_url, redis_schemes>},
    option_description{
        .environment = "REDIS_URL_FILE",
        .key = "redis-url-file",
        .help = "File that contains the value of redis-url, such as a mounted Secret.",
        .format = "path",
        .read = read_text<&options::redis_url_file>},
    option_description{.environment = "REDIS_CA_FILE",
                       .key = "redis-ca-file",
                       .help = "PEM file of the authorities that issued the certificates of Redis. "
                               "Empty: the trust store of the system.",
                       .format = "path",
                       .read = read_text<&options::redis_ca_file>},
    option_description{
        .environment = "REDIS_CERT_FILE",
        .key = "redis-cert-file",
        .help = "PEM file of the client certificate for Redis. Needs redis-key-file.",
        .format = "path",
        .read = read_text<&options::redis_cert_file>},
    option_description{.environment = "REDIS_KEY_FILE",
                       .key = "redis-key-file",
                       .help = "PEM file of the private key of redis-cert-file.",
                       .format = "path",
                       .read = read_text<&options::redis_key_file>},
    option_description{.environment = "OTEL_EXPORTER_OTLP_ENDPOINT",
                       .key = "otel-exporter-otlp-endpoint",
                       .help = "Base URL of the collector that receives traces by OTLP/HTTP, and "
                               "the audit log with audit-export; /v1/traces or /v1/logs is "
                               "added. Empty: no traces.",
                       .format = "http://host:4318",
                       .read = read_text<&options::otlp_endpoint>},
    option_description{.environment = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                       .key = "otel-exporter-otlp-traces-endpoint",
                       .help = "Whole URL that receives traces. Overrides "
                               "otel-exporter-otlp-endpoint.",
                       .format = "http://host:4318/v1/traces",
                       .read = read_text<&options::otlp_traces_endpoint>},
    option_description{.environment = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
                       .key = "otel-exporter-otlp-logs-endpoint",
                       .help = "Whole URL that receives the audit log. Overrides "
                               "otel-exporter-otlp-endpoint.",
                       .format = "http://host:4318/v1/logs",
                       .read = read_text<&options::otlp_logs_endpoint>},
    option_description{.environment = "OTEL_EXPORTER_OTLP_HEADERS",
                       .key = "otel-exporter-otlp-headers",
                       .help = "Headers of requests to the collector; values are "
                               "percent-encoded.",
                       .format = "key=value,key=value",
                       .is_secret = true,
                       .read = read_secret<&options::otlp_headers>},
    option_description{.environment = "OTEL_SERVICE_NAME",
                       .key = "otel-service-name",
                       .default_value = "kubedb-dbaas",
                       .help = "Name of this service for the collector.",
                       .format = "text",
                       .read = read_text<&options::otel_service_name>},
    option_description{.environment = "OTEL_RESOURCE_ATTRIBUTES",
                       .key = "otel-resource-attributes",
                       .help = "Further attributes of this process for the collector; values "
                               "are percent-encoded.",
                       .format = "key=value,key=value",
                       .read = read_text<&options::otel_resource_attributes>},
    option_description{.environment = "OTEL_TRACES_SAMPLER",
                       .key = "otel-traces-sampler",
                       .default_value = "parentbased_always_on",
                       .help = "Which traces are recorded. parentbased_: as the client says "
                               "in the header traceparent, else as the rest of the name.",
                       .choices = trace_samplers,
                       .read = read_name<&options::otel_traces_sampler, trace_samplers>},
    option_description{.environment = "OTEL_TRACES_SAMPLER_ARG",
                       .key = "otel-traces-sampler-arg",
                       .help = "Share of the traces that traceidratio records. Empty: 1.",
                       .format = "0 to 1",
                       .read = read_text<&options::otel_traces_sampler_argument>},
    option_description{.environment = "SENTRY_DSN",
                       .key = "sentry-dsn",
                       .help = "Sentry project that receives error reports.",
                       .format = "https://...",
                       .is_secret = true,
                       .read = read_url<&options::sentry_dsn, sentry_schemes>},
    option_description{.environment = "SENTRY_DSN_FILE",
                       .key = "sentry-dsn-file",
                       .help = "File that contains the value of sentry-dsn, such as a mounted "
                               "Secret.",
                       .format = "path",
                       .read = read_text<&options::sentry_dsn_file>},
};

}  // namespace

std::span<const option_description> all_options() noexcept {
    static const auto complete_table = [] {
        const auto identity = identity_options();
        std::vector<option_description> all(table.begin(), table.end());
        all.insert(all.end(), identity.begin(), identity.end());
        return all;
    }();
    return complete_table;
}

std::string accepted_values(const option_description& option) {
    if (!option.choices.empty()) return fmt::format("{}", fmt::join(option.choices, ", "));
    if (option.range.max == 0) return std::string(option.format);
    return fmt::format("{} to {}{}{}", option.range.min, option.range.max,
                       option.unit.empty() ? "" : " ", option.unit);
}

}  // namespace config
