#pragma once
// The source of the metrics of the databases: pages of exporters, through the API server or
// directly. Owns the scrape loop and its connections. Owned by the process; outlives the service.
// Thread: main.

#include <memory>

#include "aio/aio.hpp"
#include "config/config.hpp"
#include "kube/kube_client.hpp"
#include "main/cluster_access.hpp"
#include "main/loop_thread.hpp"
#include "obs/log.hpp"
#include "obs/trace.hpp"
#include "ports/metrics_source.hpp"
#include "scrape/direct.hpp"
#include "scrape/source.hpp"

class metrics_access {
  public:
    struct deps {
        const base::clock& clock;
        obs::log& log;
        obs::log& kube_log;
        obs::tracer& tracer;
    };
    // Selects the mode of the options. Errors: those of kube::make_client.
    static base::outcome<std::unique_ptr<metrics_access>> make(const config::options& options,
                                                               cluster_access cluster, deps deps);
    ~metrics_access() { thread_.stop(); }
    metrics_access(const metrics_access&) = delete;
    metrics_access& operator=(const metrics_access&) = delete;

    // The source for the control loop.
    ports::metrics_source& source() noexcept { return *source_; }
    // Reads the credentials of the API server again. Errors: those of the client, timed_out.
    base::outcome<void> reload_credentials();

  private:
    metrics_access() = default;
    base::outcome<void> make_proxy_fetcher(const config::options& options, kube::config cluster,
                                           deps deps);
    void make_direct_fetcher(const config::options& options, const base::clock& clock);

    loop_thread thread_;                                    // outlives the members below
    std::unique_ptr<kube::client> kube_;                    // nullptr with direct scrapes
    std::unique_ptr<aio::blocking_pool> resolver_threads_;  // nullptr with the proxy
    std::unique_ptr<scrape::resolver> resolver_;            // nullptr with the proxy
    std::unique_ptr<scrape::page_fetcher> fetcher_;
    std::unique_ptr<ports::metrics_source> source_of_thread_;  // on the scrape loop
    std::unique_ptr<ports::metrics_source> source_;
};
