#include "main/metrics_access.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "app/scrape_lanes.hpp"
#include "kubedb/names.hpp"
#include "scrape/source_on_loop.hpp"

namespace {

std::size_t scrapes_max(const config::options& options) {
    return app::scrape_lanes::in_flight_max(static_cast<std::size_t>(options.metrics_concurrency));
}

scrape::page_limits page_limits_of(const config::options& options) {
    constexpr std::size_t mebibyte = std::size_t{1024} * 1024;
    return {.page_bytes = static_cast<std::size_t>(options.metrics_page_limit) * mebibyte};
}

std::string namespace_of(const std::string& project) {
    return kubedb::namespace_of(project);
}

}  // namespace

base::outcome<std::unique_ptr<metrics_access>> metrics_access::make(const config::options& options,
                                                                    cluster_access cluster,
                                                                    deps deps) {
    std::unique_ptr<metrics_access> result(new metrics_access);
    const bool is_direct =
        options.metrics == config::metrics_mode::direct ||
        (options.metrics == config::metrics_mode::automatic && cluster.is_in_cluster);
    deps.log.info("metrics_mode_selected", {{"mode", is_direct ? "direct" : "proxy"}});
    if (is_direct) {
        result->make_direct_fetcher(options, deps.clock);
    } else {
        auto connected = result->make_proxy_fetcher(options, std::move(cluster.config), deps);
        if (!connected) return base::pass(std::move(connected));
    }
    result->source_of_thread_ = scrape::make_source(
        *result->fetcher_, deps.clock,
        {.interval = options.metrics_interval, .limits = page_limits_of(options)});
    result->source_ =
        scrape::make_source_on_loop(result->thread_.loop().executor(), *result->source_of_thread_);
    return result;
}

base::outcome<void> metrics_access::make_proxy_fetcher(const config::options& options,
                                                       kube::config cluster, deps deps) {
    auto client =
        kube::make_client(thread_.loop().executor(), {.config = std::move(cluster),
                                                      .connections_max = scrapes_max(options),
                                                      .seed = static_cast<std::uint64_t>(getpid()),
                                                      .log = &deps.kube_log,
                                                      .tracer = &deps.tracer});
    if (!client) return base::pass(std::move(client));
    kube_ = std::move(*client);
    fetcher_ = scrape::make_service_proxy_fetcher(
        [&requests = *kube_](std::string path, base::steady_time deadline, std::size_t bytes_max) {
            return requests.raw_get(std::move(path), deadline, bytes_max, "services/proxy");
        },
        namespace_of, page_limits_of(options));
    return base::ok();
}

void metrics_access::make_direct_fetcher(const config::options& options, const base::clock& clock) {
    constexpr std::size_t resolver_threads = 8;
    constexpr std::size_t resolver_queue_max = 4096;
    const auto executor = thread_.loop().executor();
    resolver_threads_ = std::make_unique<aio::blocking_pool>(resolver_threads, resolver_queue_max);
    resolver_ = scrape::make_resolver(executor, *resolver_threads_, clock);
    fetcher_ = scrape::make_direct_fetcher(
        executor, *resolver_, namespace_of,
        {.connections_max = scrapes_max(options), .limits = page_limits_of(options)});
}

base::outcome<void> metrics_access::reload_credentials() {
    if (!kube_) return base::ok();
    constexpr std::chrono::seconds timeout{10};
    return thread_.run_within(timeout,
                              [this]() -> aio::task<> { co_return kube_->reload_credentials(); });
}
