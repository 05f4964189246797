#include "config/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.hpp"
#include "domain/metric.hpp"

namespace config {
namespace {

using std::string_view;

// The digits of a default that another module declares. Precondition: the number is positive.
template <std::int64_t Number>
struct decimal {
    static constexpr std::size_t size = [] {
        std::size_t count = 0;
        for (auto rest = Number; rest > 0; rest /= 10) ++count;
        return count;
    }();
    static constexpr std::array<char, size> digits = [] {
        std::array<char, size> result{};
        auto rest = Number;
        for (auto place = result.rbegin(); place != result.rend(); ++place, rest /= 10) {
            *place = static_cast<char>('0' + rest % 10);
        }
        return result;
    }();
    static constexpr string_view text{digits.data(), size};
};

std::optional<std::int64_t> parse_number(string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

template <auto Member>
std::string read_number(const option_description& option, string_view text, options& out) {
    const auto value = parse_number(text);
    if (!value) return "must be a whole number";
    if (*value < option.range.min || *value > option.range.max) {
        return fmt::format("must be from {} to {}", option.range.min, option.range.max);
    }
    using target = std::remove_reference_t<decltype(out.*Member)>;
    out.*Member = target(*value);
    return {};
}

template <auto Member>
std::string read_text(const option_description&, string_view text, options& out) {
    out.*Member = std::string(text);
    return {};
}

template <auto Member>
std::string read_switch(const option_description&, string_view text, options& out) {
    const bool is_true = text == "true" || text == "1" || text == "yes" || text == "on";
    const bool is_false = text == "false" || text == "0" || text == "no" || text == "off";
    if (!is_true && !is_false) return "must be true or false";
    out.*Member = is_true;
    return {};
}

template <class Value, std::size_t Size>
struct choice_table {
    std::array<string_view, Size> names;
    std::array<Value, Size> values;
};

constexpr choice_table<environment_kind, 3> environments{
    {"development", "staging", "production"},
    {environment_kind::development, environment_kind::staging, environment_kind::production}};
constexpr choice_table<auth_mode, 2> auth_modes{{"local", "required"},
                                                {auth_mode::local, auth_mode::required}};
constexpr choice_table<log_level, 7> log_levels{
    {"trace", "debug", "info", "warning", "error", "critical", "off"},
    {log_level::trace, log_level::debug, log_level::info, log_level::warning, log_level::error,
     log_level::critical, log_level::off}};
constexpr choice_table<log_style, 3> log_styles{
    {"auto", "json", "console"}, {log_style::automatic, log_style::json, log_style::console}};
constexpr choice_table<metrics_mode, 3> metrics_modes{
    {"auto", "proxy", "direct"},
    {metrics_mode::automatic, metrics_mode::proxy, metrics_mode::direct}};

// Ignores case.
template <auto Member, const auto& Choices>
std::string read_choice(const option_description&, string_view text, options& out) {
    const auto it = std::ranges::find(Choices.names, base::lower(text));
    if (it == Choices.names.end()) {
        return fmt::format("must be one of {}", fmt::join(Choices.names, ", "));
    }
    out.*Member = Choices.values[static_cast<std::size_t>(it - Choices.names.begin())];
    return {};
}

// Accepts scheme://[user[:password]@]host...
template <auto Member, const auto& Schemes>
std::string read_url(const option_description&, string_view text, options& out) {
    if (text.empty()) return {};
    for (const string_view scheme : Schemes) {
        if (!text.starts_with(scheme)) continue;
        auto host = text.substr(scheme.size());
        host = host.substr(0, host.find_first_of("/?"));
        if (const auto sign = host.rfind('@'); sign != string_view::npos) {
            host.remove_prefix(sign + 1);
        }
        if (host.empty() || host.find_first_of(" \t\r\n") != string_view::npos) {
            return "must contain a host name";
        }
        out.*Member = base::secret(std::string(text));
        return {};
    }
    return fmt::format("must start with {}", fmt::join(Schemes, " or "));
}

constexpr std::array mongodb_schemes{string_view("mongodb://"), string_view("mongodb+srv://")};
constexpr std::array redis_schemes{string_view("redis://"), string_view("rediss://"),
                                   string_view("redis+sentinel://"),
                                   string_view("rediss+sentinel://")};
constexpr std::array sentry_schemes{string_view("https://"), string_view("http://")};

std::string read_jwt_secret(const option_description&, string_view text, options& out) {
    if (text.empty()) return {};
    if (text.size() < 32) return "must have at least 32 characters";
    out.jwt_secret = base::secret(std::string(text));
    return {};
}

bool is_origin(string_view text) {
    const auto scheme_end = text.find("://");
    return scheme_end != string_view::npos &&
           (text.starts_with("http://") || text.starts_with("https://")) &&
           text.size() > scheme_end + 3 &&
           text.find_first_of("/?# ", scheme_end + 3) == string_view::npos;
}

std::string read_origins(const option_description&, string_view text, options& out) {
    std::vector<std::string> origins;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto origin = base::trimmed(text.substr(0, comma));
        if (origin != "*" && !is_origin(origin)) {
            return "must be * or a comma-separated list of origins such as "
                   "https://console.example.com";
        }
        origins.emplace_back(origin);
        if (comma == string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    out.cors_origins = std::move(origins);
    return {};
}

std::string read_listen(const option_description&, string_view text, options& out) {
    constexpr const char* message = "must be ADDRESS:PORT, such as 127.0.0.1:8000";
    const auto colon = text.rfind(':');
    if (colon == string_view::npos) return message;
    auto address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const auto port = parse_number(text.substr(colon + 1));
    if (address.empty() || !port || *port < 0 || *port > 65535) return message;
    out.listen_address = address == "localhost" ? "127.0.0.1" : std::string(address);
    out.listen_port = static_cast<std::uint16_t>(*port);
    return {};
}

std::string read_data_dir(const option_description&, string_view text, options& out) {
    if (text.empty()) return "must be the path of a directory";
    out.data_dir = std::string(text);
    return {};
}

constexpr std::array table{
    option_description{.environment = "DBAAS_LISTEN",
                       .key = "listen",
                       .default_value = "127.0.0.1:8000",
                       .help = "Address of the API. An address other than loopback needs --auth "
                               "required or --insecure-no-auth.",
                       .format = "ADDRESS:PORT",
                       .read = read_listen},
    option_description{.environment = "DBAAS_AUTH",
                       .key = "auth",
                       .default_value = "local",
                       .help = "Authentication. local: every client that reaches the loopback "
                               "address is an administrator. required: every request needs an API "
                               "key.",
                       .choices = auth_modes.names,
                       .read = read_choice<&options::auth, auth_modes>},
    option_description{.environment = "DBAAS_ADMIN_KEY_FILE",
                       .key = "admin-key-file",
                       .help = "File with an API key of the administrator, such as a mounted "
                               "Secret; made if it does not exist. Empty: admin-key in data-dir, "
                               "made if there is no administrator yet. Used with --auth required.",
                       .format = "path",
                       .read = read_text<&options::admin_key_file>},
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
                       .help = "Minimum severity of logged events.",
                       .choices = log_levels.names,
                       .is_reloadable = true,
                       .read = read_choice<&options::log_level, log_levels>},
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
                       .help = "Maximum of event streams per client address; further ones receive "
                               "429. All clients behind one proxy share its address.",
                       .range = {1, 1'000'000},
                       .read = read_number<&options::max_streams_per_client>},
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
    option_description{.environment = "DBAAS_PROVISION_TIMEOUT",
                       .key = "provision-timeout",
                       .default_value = "900",
                       .help = "Timeout after which an operation fails.",
                       .range = {30, 86400},
                       .unit = "seconds",
                       .read = read_number<&options::provision_timeout>},
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
    option_description{.environment = "SENTRY_DSN",
                       .key = "sentry-dsn",
                       .help = "Sentry project that receives error reports.",
                       .format = "https://...",
                       .is_secret = true,
                       .is_in_use = false,
                       .read = read_url<&options::sentry_dsn, sentry_schemes>},
    option_description{.environment = "JWT_SECRET",
                       .key = "jwt-secret",
                       .help = "Key that signs tokens.",
                       .format = "at least 32 characters",
                       .is_secret = true,
                       .is_in_use = false,
                       .read = read_jwt_secret},
};

}  // namespace

std::span<const option_description> all_options() noexcept {
    return table;
}

std::string accepted_values(const option_description& option) {
    if (!option.choices.empty()) return fmt::format("{}", fmt::join(option.choices, ", "));
    if (option.range.max == 0) return std::string(option.format);
    return fmt::format("{} to {}{}{}", option.range.min, option.range.max,
                       option.unit.empty() ? "" : " ", option.unit);
}

}  // namespace config
