#pragma once
// The platform's options, declared once: name, environment variable, flag, YAML key, default and a
// sentence (table in options.cpp). A bad value or an unknown name stops the start with a sentence
// that names it; all faults are told at once and no secret is repeated. Pure but for reading the
// file.

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
enum class log_style : std::uint8_t { automatic, json, console };

struct options {
    // Accepted and checked; the features come later.
    base::secret mongodb_url;
    base::secret redis_url;
    base::secret sentry_dsn;
    base::secret jwt_secret;

    environment_kind environment = environment_kind::development;
    std::string log_level = "info";
    log_style log_format = log_style::automatic;
    std::vector<std::string> cors_origins;

    std::string listen_address = "127.0.0.1";
    std::uint16_t listen_port = 8000;
    bool insecure_no_auth = false;
    std::int64_t http_threads = 0;  // 0: one per core
    std::int64_t max_connections = 20000;
    std::int64_t max_streams_per_client = 1000;
    std::string tls_certificate;
    std::string tls_key;

    std::string data_dir = "data";
    std::string kubeconfig;  // empty: $KUBECONFIG, then the pod's service account
    std::string kube_context;

    std::chrono::seconds metrics_interval{30};
    std::chrono::seconds metrics_timeout{10};
    std::int64_t metrics_concurrency = 64;
    config::metrics_mode metrics = metrics_mode::automatic;
    std::chrono::hours history{24};
    std::chrono::seconds provision_timeout{900};
    std::chrono::seconds shutdown_grace{25};
    std::chrono::seconds drain_delay{0};
};

struct sources {
    std::map<std::string, std::string> environment;
    std::vector<std::string> arguments;  // "--listen", "0.0.0.0:80" or "--listen=0.0.0.0:80"
};

struct loaded {
    config::options options;
    // "MONGODB_URL is set; it is not in use yet" and the like.
    std::vector<std::string> notes;
    // Option name -> value as text (secrets masked) and where it came from, in declared order.
    struct effective {
        std::string name;
        std::string value;
        std::string source;  // "flag", "environment", "file", "default"
    };
    std::vector<effective> values;
};

// Flag beats environment beats file (named by --config or DBAAS_CONFIG) beats default. Failure:
// invalid; `fields` holds every fault, pointer = the option's environment name.
base::outcome<loaded> load(const sources& from);

// The reference of all options, for a terminal.
std::string reference_text();

}  // namespace config
