#include "config/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.hpp"

namespace config {
namespace {

using text = std::string_view;

std::optional<std::int64_t> number(text from) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), value);
    if (from.empty() || error != std::errc() || end != from.data() + from.size()) {
        return std::nullopt;
    }
    return value;
}

template <auto Member, std::int64_t Least, std::int64_t Most>
std::string read_number(text from, options& into) {
    const auto value = number(from);
    if (!value) return "is not a whole number";
    if (*value < Least || *value > Most) {
        return fmt::format("must be from {} to {}", Least, Most);
    }
    using target = std::remove_reference_t<decltype(into.*Member)>;
    into.*Member = target(*value);
    return {};
}

template <auto Member>
std::string read_text(text from, options& into) {
    into.*Member = std::string(from);
    return {};
}

template <auto Member>
std::string read_switch(text from, options& into) {
    const bool yes = from == "true" || from == "1" || from == "yes" || from == "on";
    const bool no = from == "false" || from == "0" || from == "no" || from == "off";
    if (!yes && !no) return "must be true or false";
    into.*Member = yes;
    return {};
}

// scheme://[user[:password]@]host...
template <auto Member, const auto& Schemes>
std::string read_url(text from, options& into) {
    if (from.empty()) return {};
    for (const text scheme : Schemes) {
        if (!from.starts_with(scheme)) continue;
        auto host = from.substr(scheme.size());
        host = host.substr(0, host.find_first_of("/?"));
        if (const auto at = host.rfind('@'); at != text::npos) host.remove_prefix(at + 1);
        if (host.empty() || host.find_first_of(" \t\r\n") != text::npos) {
            return "names no host";
        }
        into.*Member = base::secret(std::string(from));
        return {};
    }
    return fmt::format("must begin with {}", fmt::join(Schemes, " or "));
}

constexpr std::array mongodb_schemes{text("mongodb://"), text("mongodb+srv://")};
constexpr std::array redis_schemes{text("redis://"), text("rediss://")};
constexpr std::array sentry_schemes{text("https://"), text("http://")};

std::string read_jwt_secret(text from, options& into) {
    if (from.empty()) return {};
    if (from.size() < 32) return "must have at least 32 characters";
    into.jwt_secret = base::secret(std::string(from));
    return {};
}

std::string read_environment(text from, options& into) {
    if (from == "development") {
        into.environment = environment_kind::development;
    } else if (from == "staging") {
        into.environment = environment_kind::staging;
    } else if (from == "production") {
        into.environment = environment_kind::production;
    } else {
        return "must be development, staging or production";
    }
    return {};
}

std::string read_log_level(text from, options& into) {
    const auto lower = base::lower(from);
    for (const text known : {"trace", "debug", "info", "warning", "error", "critical", "off"}) {
        if (lower != known) continue;
        into.log_level = lower;
        return {};
    }
    return "must be trace, debug, info, warning, error, critical or off";
}

std::string read_log_format(text from, options& into) {
    if (from == "auto") {
        into.log_format = log_style::automatic;
    } else if (from == "json") {
        into.log_format = log_style::json;
    } else if (from == "console") {
        into.log_format = log_style::console;
    } else {
        return "must be auto, json or console";
    }
    return {};
}

std::string read_metrics_mode(text from, options& into) {
    if (from == "auto") {
        into.metrics = metrics_mode::automatic;
    } else if (from == "proxy") {
        into.metrics = metrics_mode::proxy;
    } else if (from == "direct") {
        into.metrics = metrics_mode::direct;
    } else {
        return "must be auto, proxy or direct";
    }
    return {};
}

std::string read_origins(text from, options& into) {
    std::vector<std::string> list;
    while (!from.empty()) {
        const auto comma = from.find(',');
        auto one = from.substr(0, comma);
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
        const auto host = one.find("://");
        const bool is_origin =
            host != text::npos && (one.starts_with("http://") || one.starts_with("https://")) &&
            one.size() > host + 3 && one.find_first_of("/?# ", host + 3) == text::npos;
        if (one != "*" && !is_origin) {
            return "must be a list of origins like https://console.example.com, separated by "
                   "commas, or *";
        }
        list.emplace_back(one);
        if (comma == text::npos) break;
        from.remove_prefix(comma + 1);
    }
    into.cors_origins = std::move(list);
    return {};
}

std::string read_listen(text from, options& into) {
    const auto colon = from.rfind(':');
    if (colon == text::npos) return "must be ADDRESS:PORT, like 127.0.0.1:8000";
    auto address = from.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const auto port = number(from.substr(colon + 1));
    if (address.empty() || !port || *port < 0 || *port > 65535) {
        return "must be ADDRESS:PORT, like 127.0.0.1:8000";
    }
    into.listen_address = address == "localhost" ? "127.0.0.1" : std::string(address);
    into.listen_port = static_cast<std::uint16_t>(*port);
    return {};
}

std::string read_data_dir(text from, options& into) {
    if (from.empty()) return "must name a folder";
    into.data_dir = std::string(from);
    return {};
}

constexpr std::array table{
    option_description{"DBAAS_LISTEN", "listen", "127.0.0.1:8000", "ADDRESS:PORT",
                       "Where the API is served. Anything but loopback needs "
                       "--insecure-no-auth until identities exist.",
                       false, true, false, read_listen},
    option_description{"DBAAS_INSECURE_NO_AUTH", "insecure-no-auth", "false", "true, false",
                       "Serve everybody who can reach the address as an administrator.", false,
                       true, true, read_switch<&options::insecure_no_auth>},
    option_description{"ENVIRONMENT", "environment", "development",
                       "development, staging, production", "Named in logs.", false, true, false,
                       read_environment},
    option_description{"LOG_LEVEL", "log-level", "info",
                       "trace, debug, info, warning, error, critical, off",
                       "The least severity that is logged.", false, true, false, read_log_level},
    option_description{"DBAAS_LOG_FORMAT", "log-format", "auto", "auto, json, console",
                       "auto: console on a terminal, JSON lines otherwise.", false, true, false,
                       read_log_format},
    option_description{"CORS_ORIGINS", "cors-origins", "", "origins, comma-separated, or *",
                       "Web pages of these origins may call the API.", false, true, false,
                       read_origins},
    option_description{"DBAAS_HTTP_THREADS", "http-threads", "0", "0 to 64",
                       "Threads that serve requests; 0 means one per core.", false, true, false,
                       read_number<&options::http_threads, 0, 64>},
    option_description{"DBAAS_MAX_CONNECTIONS", "max-connections", "20000", "1 to 1000000",
                       "Client connections; more are answered 503.", false, true, false,
                       read_number<&options::max_connections, 1, 1'000'000>},
    option_description{
        "DBAAS_MAX_STREAMS_PER_CLIENT", "max-streams-per-client", "1000", "1 to 1000000",
        "Event streams of one client address; more are answered 429. All clients "
        "behind one proxy share its address.",
        false, true, false, read_number<&options::max_streams_per_client, 1, 1'000'000>},
    option_description{"DBAAS_TLS_CERT", "tls-cert", "", "path",
                       "Certificate chain (PEM); with a key the API is served over TLS.", false,
                       true, false, read_text<&options::tls_certificate>},
    option_description{"DBAAS_TLS_KEY", "tls-key", "", "path", "Private key (PEM).", false, true,
                       false, read_text<&options::tls_key>},
    option_description{"DBAAS_DATA_DIR", "data-dir", "data", "path",
                       "Folder of the embedded store.", false, true, false, read_data_dir},
    option_description{"DBAAS_KUBECONFIG", "kubeconfig", "", "path",
                       "Empty: KUBECONFIG, else the pod's service account.", false, true, false,
                       read_text<&options::kubeconfig>},
    option_description{"DBAAS_KUBE_CONTEXT", "kube-context", "", "name",
                       "Empty: the kubeconfig's current context.", false, true, false,
                       read_text<&options::kube_context>},
    option_description{"METRICS_SYNC_INTERVAL", "metrics-sync-interval", "30", "1 to 3600 seconds",
                       "How often each database is scraped.", false, true, false,
                       read_number<&options::metrics_interval, 1, 3600>},
    option_description{"DBAAS_METRICS_TIMEOUT", "metrics-timeout", "10", "1 to 120 seconds",
                       "The most one scrape may take.", false, true, false,
                       read_number<&options::metrics_timeout, 1, 120>},
    option_description{"DBAAS_METRICS_CONCURRENCY", "metrics-concurrency", "64", "1 to 1024",
                       "Scrapes at the same time.", false, true, false,
                       read_number<&options::metrics_concurrency, 1, 1024>},
    option_description{"DBAAS_METRICS_MODE", "metrics-mode", "auto", "auto, proxy, direct",
                       "How exporters are reached: through the API server's service proxy, or "
                       "directly by their services' names, which works inside of the cluster only. "
                       "auto: directly with the pod's service account, else by the proxy.",
                       false, true, false, read_metrics_mode},
    option_description{"DBAAS_HISTORY_HOURS", "history-hours", "24", "0 to 168 hours",
                       "How long metrics are kept; 0 keeps none.", false, true, false,
                       read_number<&options::history, 0, 168>},
    option_description{"DBAAS_PROVISION_TIMEOUT", "provision-timeout", "900", "30 to 86400 seconds",
                       "An operation that takes longer has failed.", false, true, false,
                       read_number<&options::provision_timeout, 30, 86400>},
    option_description{"DBAAS_SHUTDOWN_GRACE", "shutdown-grace", "25", "1 to 600 seconds",
                       "What requests in flight have to finish after SIGTERM.", false, true, false,
                       read_number<&options::shutdown_grace, 1, 600>},
    option_description{"DBAAS_DRAIN_DELAY", "drain-delay", "0", "0 to 120 seconds",
                       "Goes on serving for so long after SIGTERM, while readiness is off.", false,
                       true, false, read_number<&options::drain_delay, 0, 120>},
    option_description{"MONGODB_URL", "mongodb-url", "", "mongodb://...",
                       "Where records are kept; empty: embedded SQLite.", true, false, false,
                       read_url<&options::mongodb_url, mongodb_schemes>},
    option_description{"REDIS_URL", "redis-url", "", "redis://...",
                       "Shared cache; empty: in process.", true, false, false,
                       read_url<&options::redis_url, redis_schemes>},
    option_description{"SENTRY_DSN", "sentry-dsn", "", "https://...", "Where errors are reported.",
                       true, false, false, read_url<&options::sentry_dsn, sentry_schemes>},
    option_description{"JWT_SECRET", "jwt-secret", "", "at least 32 characters", "Signs tokens.",
                       true, false, false, read_jwt_secret},
};

}  // namespace

std::span<const option_description> all_options() noexcept {
    return table;
}

}  // namespace config
