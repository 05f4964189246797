#pragma once
// The platform behind the API: the use cases and the background loops, wired over the ports.
// Lives on the control loop; main owns it and everything it is given.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "app/audit/audit_trail.hpp"
#include "app/identity/key_registry.hpp"
#include "app/identity/password_pool.hpp"
#include "app/identity/signing_keys.hpp"
#include "app/log_level_control.hpp"
#include "app/platform.hpp"
#include "app/readiness.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "obs/trace.hpp"
#include "ports/authenticator.hpp"
#include "ports/bus.hpp"
#include "ports/cluster.hpp"
#include "ports/document_store.hpp"
#include "ports/lease.hpp"
#include "ports/metrics_source.hpp"

namespace app {

struct service_deps {
    aio::executor executor;
    ports::document_store& store;
    ports::cluster& cluster;
    ports::metrics_source& metrics;
    const base::clock& clock;
    obs::log& log;
    obs::registry& registry;
    readiness& health;
    ports::bus* bus = nullptr;  // to the other processes; nullptr: anti-entropy alone
    // Divides the databases among the replicas; nullptr: this process owns all of them.
    ports::lease_manager* leases = nullptr;
    obs::tracer& tracer = obs::null_tracer();
    obs::log* scrape_log = nullptr;            // of the scrapes; nullptr: `log`
    obs::log& audit_export = obs::null_log();  // receives a line per row of the audit log
    // Puts log levels into use. May be null.
    std::function<void(const obs::log_levels&)> apply_log_levels{};
};

struct service_options {
    std::chrono::seconds metrics_interval = domain::metrics_interval_default;
    std::chrono::seconds metrics_timeout{10};
    std::size_t metrics_concurrency = 64;
    std::chrono::seconds history_retention = std::chrono::hours(24);
    std::chrono::seconds provision_timeout{900};
    std::size_t reconcile_workers = 32;
    // How often this process compares its records with the store. 0: no other process writes to the
    // store (SQLite, whose file has one owner).
    std::chrono::milliseconds anti_entropy_interval{0};
    // The same while there is a bus and it is not connected.
    std::chrono::milliseconds anti_entropy_interval_without_bus{2'000};
    bool store_is_embedded = true;
    // The holder of a lease among the replicas: unique among processes and across restarts.
    std::string replica{};
    password_pool_options passwords{};
    // Preconditions: the secrets have token::hs256_secret_bytes_min bytes.
    signing_options signing{};
    std::chrono::hours audit_retention = audit_options{}.retention;
    obs::log_levels log_levels{};  // of the configuration
    domain::api_key_policy api_keys{};
};

class service {
  public:
    virtual ~service() = default;
    // Returns the interfaces of the platform, which the service implements.
    virtual platform interfaces() noexcept = 0;
    // Returns the API keys, for the key of the first administrator.
    virtual key_registry& keys() noexcept = 0;
    // Returns the users, for the first administrator.
    virtual user_registry& users() noexcept = 0;
    // Returns the keys of access tokens, for a change of the shared secret.
    virtual signing_keys& signing() noexcept = 0;
    // The audit log; for acts of the platform itself.
    virtual audit_trail& audit() noexcept = 0;
    // Returns the log levels, for a change of the configured ones.
    virtual log_level_control& log_levels() noexcept = 0;
    // Returns the authenticator by API key and access token. Lives as long as the service.
    virtual const ports::authenticator& authenticator() const noexcept = 0;
    // Reads what is stored; makes the project "default" in an empty store. Before run() and before
    // requests. Failures: unavailable, corrupt.
    virtual aio::task<> load() = 0;
    // The loops, until cancelled; ends when nothing of them runs any more.
    virtual aio::task<> run() = 0;
    // After run() has ended: stores what is still only in memory.
    virtual aio::task<> close() = 0;
};

std::unique_ptr<service> make_service(service_deps deps, service_options options);

}  // namespace app
