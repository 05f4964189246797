#pragma once
// The options of the platform. options.cpp and identity_options.cpp declare each of them once:
// environment variable, flag, YAML key, default, bounds and help. load() reports all invalid values
// and unknown names at once and never repeats a secret. Pure, except that load() reads the files
// that the options name.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/ip_network.hpp"
#include "base/secret.hpp"
#include "domain/rate_limit.hpp"
#include "obs/log_levels.hpp"

namespace config {

enum class environment_kind : std::uint8_t { development, staging, production };
enum class metrics_mode : std::uint8_t { automatic, proxy, direct };
enum class audit_export_mode : std::uint8_t { none, otlp };
// local: every client that reaches the loopback address is an administrator.
// required: every request needs a credential, except those of public routes.
// automatic: one of the others; load() chooses it.
enum class auth_mode : std::uint8_t { automatic, local, required };
// automatic: rate limits apply with auth_mode::required.
enum class rate_limit_mode : std::uint8_t { automatic, on, off };
enum class log_style : std::uint8_t { automatic, json, console };

// Values after load(); the defaults are in the tables of options.
struct options {
    base::secret mongodb_url;  // empty = the embedded store; also the content of mongodb_url_file
    std::string mongodb_url_file;
    base::secret redis_url;  // empty = no bus between replicas; also the content of redis_url_file
    std::string redis_url_file;
    std::string redis_ca_file;
    std::string redis_cert_file;
    std::string redis_key_file;
    base::secret sentry_dsn;  // empty = no reports; also the content of sentry_dsn_file
    std::string sentry_dsn_file;

    // The formats of these texts are those of OpenTelemetry (otlp/attributes.hpp).
    std::string otlp_endpoint;
    std::string otlp_traces_endpoint;  // both empty = no traces
    std::string otlp_logs_endpoint;
    base::secret otlp_headers;
    std::string otel_service_name;
    std::string otel_resource_attributes;
    std::string otel_traces_sampler;
    std::string otel_traces_sampler_argument;

    environment_kind environment{};
    obs::log_levels log_levels{};
    log_style log_format{};
    std::vector<std::string> cors_origins;

    std::string listen_address;
    std::uint16_t listen_port = 0;
    auth_mode auth{};            // after load() never automatic
    std::string admin_key_file;  // empty: admin-key in data_dir
    // Also the contents of the files. Empty: pairs in the store sign access tokens.
    base::secret jwt_secret;
    std::string jwt_secret_file;
    base::secret jwt_secret_previous;
    std::string jwt_secret_previous_file;
    std::string jwt_issuer;
    // Also the contents of the files; text of 32 bytes. Empty: a file in data_dir.
    base::secret platform_key;
    std::string platform_key_file;
    base::secret platform_key_previous;
    // Also the content of bootstrap_admin_password_file; empty: no user is made.
    base::secret bootstrap_admin_password;
    std::string bootstrap_admin_password_file;
    std::chrono::days api_key_max_days{};
    bool reject_bare_digests = false;
    bool insecure_no_auth = false;
    bool kubernetes_tokens = false;
    std::string kubernetes_token_audience;
    // One issuer, or a file with several.
    std::string oidc_issuer;
    std::string oidc_client_id;
    base::secret oidc_client_secret;  // also the content of oidc_client_secret_file
    std::string oidc_client_secret_file;
    std::string oidc_audience;
    std::string oidc_groups_claim;
    std::string oidc_roles;
    std::string oidc_issuers_file;
    std::string oidc_ca_file;
    std::string public_url;
    std::int64_t http_threads = 0;  // 0 = one per core
    std::int64_t max_connections = 0;
    std::int64_t max_streams_per_client = 0;
    std::string tls_certificate;
    std::string tls_key;

    rate_limit_mode rate_limits{};
    domain::rate_quotas rate_quotas{};  // unlimited if rate limits are off
    std::vector<base::ip_network> trusted_proxies;

    std::string data_dir;
    std::string kubeconfig;  // empty = $KUBECONFIG, else the service account of the pod
    std::string kube_context;

    std::chrono::seconds metrics_interval{};
    std::chrono::seconds metrics_timeout{};
    std::int64_t metrics_concurrency = 0;
    std::int64_t metrics_page_limit = 0;  // MiB
    config::metrics_mode metrics{};
    std::chrono::hours history{};
    std::chrono::days audit_retention{};
    audit_export_mode audit_export{};
    std::chrono::seconds provision_timeout{};
    std::chrono::seconds start_timeout{};
    std::chrono::seconds shutdown_grace{};
    std::chrono::seconds drain_delay{};
};

struct sources {
    std::map<std::string, std::string> environment;
    std::vector<std::string> arguments;  // "--listen", "0.0.0.0:80" or "--listen=0.0.0.0:80"
};

struct loaded {
    config::options options;
    // Sentences such as "JWT_SECRET is accepted but not in use yet".
    std::vector<std::string> notes;
    // The value of each option as text and its source, in declared order. Secrets are masked.
    struct effective {
        std::string name;
        std::string value;
        std::string source;  // "flag", "environment", "file", "default"
    };
    std::vector<effective> values;
};

// Merges flags, environment, file (named by --config or DBAAS_CONFIG) and defaults, in this order
// of precedence. Errors: invalid; `fields` lists every error, with the environment name of the
// option as pointer.
base::outcome<loaded> load(const sources& sources);

// The options whose values differ between two calls of load(), by environment name. A changed
// secret is not noticed.
struct differences {
    std::vector<std::string> applied;  // take effect while the process runs
    std::vector<std::string> pending;  // take effect at the next start
};
differences compare(const loaded& before, const loaded& after);

// Returns "production" and so on.
std::string_view name(environment_kind environment) noexcept;

// Returns whether the log is text for a console. `is_terminal`: standard error is a terminal.
inline bool has_console_log(const options& source, bool is_terminal) noexcept {
    return source.log_format == log_style::console ||
           (source.log_format == log_style::automatic && is_terminal);
}

// Returns the reference of all options for a terminal.
std::string reference_text();

}  // namespace config
