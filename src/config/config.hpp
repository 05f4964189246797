#pragma once
// The options of the platform. options.cpp declares each of them once: environment variable, flag,
// YAML key, default, bounds and help. load() reports all invalid values and unknown names at once
// and never repeats a secret. Pure, except that load() reads the files that the options name.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace config {

enum class environment_kind : std::uint8_t { development, staging, production };
enum class metrics_mode : std::uint8_t { automatic, proxy, direct };
// local: every client that reaches the loopback address is an administrator.
// required: every request needs a credential, except those of public routes.
enum class auth_mode : std::uint8_t { local, required };
enum class log_level : std::uint8_t { trace, debug, info, warning, error, critical, off };
enum class log_style : std::uint8_t { automatic, json, console };

// Values after load(); the defaults are in options.cpp.
struct options {
    base::secret mongodb_url;  // empty = the embedded store; also the content of mongodb_url_file
    std::string mongodb_url_file;
    base::secret redis_url;  // empty = no bus between replicas; also the content of redis_url_file
    std::string redis_url_file;
    std::string redis_ca_file;
    std::string redis_cert_file;
    std::string redis_key_file;
    // Accepted and checked, but not in use yet.
    base::secret sentry_dsn;
    base::secret jwt_secret;

    environment_kind environment{};
    config::log_level log_level{};
    log_style log_format{};
    std::vector<std::string> cors_origins;

    std::string listen_address;
    std::uint16_t listen_port = 0;
    auth_mode auth{};
    std::string admin_key_file;  // empty: admin-key in data_dir
    bool insecure_no_auth = false;
    std::int64_t http_threads = 0;  // 0 = one per core
    std::int64_t max_connections = 0;
    std::int64_t max_streams_per_client = 0;
    std::string tls_certificate;
    std::string tls_key;

    std::string data_dir;
    std::string kubeconfig;  // empty = $KUBECONFIG, else the service account of the pod
    std::string kube_context;

    std::chrono::seconds metrics_interval{};
    std::chrono::seconds metrics_timeout{};
    std::int64_t metrics_concurrency = 0;
    std::int64_t metrics_page_limit = 0;  // MiB
    config::metrics_mode metrics{};
    std::chrono::hours history{};
    std::chrono::seconds provision_timeout{};
    std::chrono::seconds shutdown_grace{};
    std::chrono::seconds drain_delay{};
};

struct sources {
    std::map<std::string, std::string> environment;
    std::vector<std::string> arguments;  // "--listen", "0.0.0.0:80" or "--listen=0.0.0.0:80"
};

struct loaded {
    config::options options;
    // Sentences such as "MONGODB_URL is accepted but not in use yet".
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

// Returns the reference of all options for a terminal.
std::string reference_text();

}  // namespace config
