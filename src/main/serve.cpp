#include "main/serve.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "aio/aio.hpp"
#include "aio/run_to_end.hpp"
#include "api/api.hpp"
#include "app/service.hpp"
#include "kube/client.hpp"
#include "kubedb/cluster.hpp"
#include "kubedb/names.hpp"
#include "main/signals.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "scrape/source.hpp"
#include "sqlite/store.hpp"

namespace {

using namespace std::chrono_literals;

// What the loops have to end, after the requests have.
constexpr auto loops_patience = 10s;

int complain(obs::log_service& log, const base::failure& why, std::string_view what) {
    log.error("start_failed", {{"part", what}, {"detail", why.text}});
    log.flush();
    std::fprintf(stderr, "dbaas: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
                 why.text.c_str());
    return 1;
}

obs::level level_of(const std::string& name) {
    if (name == "trace") return obs::level::trace;
    if (name == "debug") return obs::level::debug;
    if (name == "warning") return obs::level::warning;
    if (name == "error") return obs::level::error;
    if (name == "critical") return obs::level::critical;
    if (name == "off") return obs::level::off;
    return obs::level::info;
}

std::unique_ptr<obs::log_service> start_log(const config::options& how) {
    const bool on_terminal = isatty(2) != 0;
    const bool console = how.log_format == config::log_style::console ||
                         (how.log_format == config::log_style::automatic && on_terminal);
    return obs::make_log({.least = level_of(how.log_level),
                          .format = console ? obs::log_format::console : obs::log_format::json,
                          .colour = console && on_terminal});
}

base::outcome<kube::config> find_cluster(const config::options& how) {
    const auto* inherited = std::getenv("KUBECONFIG");
    const auto path = !how.kubeconfig.empty() ? how.kubeconfig
                      : inherited != nullptr  ? std::string(inherited)
                                              : std::string();
    if (!path.empty()) return kube::load_kubeconfig(path, how.kube_context);
    const auto* host = std::getenv("KUBERNETES_SERVICE_HOST");
    const auto* port = std::getenv("KUBERNETES_SERVICE_PORT");
    return kube::load_in_cluster(host == nullptr ? "" : host, port == nullptr ? "" : port);
}

// The background's thread: one loop that owns everything but the HTTP connections.
class control_thread {
  public:
    control_thread() {
        loop_.keep_alive();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~control_thread() {
        loop_.stop();
        if (thread_.joinable()) thread_.join();
    }
    aio::loop& loop() noexcept { return loop_; }

    // Runs a task there and waits for its end, at most until `when`; nothing when that came first.
    std::optional<base::outcome<void>> run(std::move_only_function<aio::task<>()> start,
                                           base::steady_time when = base::steady_time::max()) {
        struct result {
            std::mutex mutex;
            std::condition_variable told;
            std::optional<base::outcome<void>> value;
        };
        const auto shared = std::make_shared<result>();
        loop_.post([this, shared, start = std::move(start)]() mutable {
            auto work = [](std::move_only_function<aio::task<>()> begin,
                           std::shared_ptr<result> into) -> aio::task<> {
                auto ended = co_await begin();
                const std::lock_guard lock(into->mutex);
                into->value = ended;
                into->told.notify_all();
                co_return base::outcome<void>{};
            };
            if (!helpers_) helpers_.emplace(loop_.executor());
            helpers_->spawn(work(std::move(start), shared));
        });
        std::unique_lock lock(shared->mutex);
        const auto is_there = [&] { return shared->value.has_value(); };
        if (when == base::steady_time::max()) {
            shared->told.wait(lock, is_there);
        } else {
            shared->told.wait_until(lock, when, is_there);
        }
        return shared->value;
    }

  private:
    aio::loop loop_;
    std::optional<aio::task_group> helpers_;
    std::thread thread_;
};

}  // namespace

int serve(const config::loaded& how) {
    const auto& options = how.options;
    stop_signals signals;  // before any thread
    const auto begun = std::chrono::steady_clock::now();
    const auto log = start_log(options);
    for (const auto& note : how.notes) log->warning("option_not_in_use", {{"detail", note}});
    if (options.insecure_no_auth) {
        log->warning("serving_without_authentication",
                     {{"detail", "everybody who reaches the address is an administrator"}});
    }
    const auto& clock = base::system_clock();
    obs::registry registry;
    app::health_board health;

    std::error_code error;
    std::filesystem::create_directories(options.data_dir, error);
    auto store = sqlite::open_store({.path = options.data_dir + "/platform.db"}, *log, registry);
    if (!store) return complain(*log, store.error(), "store");
    auto cluster_config = find_cluster(options);
    if (!cluster_config) return complain(*log, cluster_config.error(), "cluster");

    // Destroyed in the opposite order: the thread ends before what runs on it.
    std::unique_ptr<kube::client> kube;
    std::unique_ptr<ports::cluster> cluster;
    std::unique_ptr<scrape::page_fetcher> pages;
    std::unique_ptr<ports::metrics_source> metrics;
    std::unique_ptr<app::service> service;
    std::unique_ptr<api::api> api;
    std::unique_ptr<http::server> server;
    control_thread control;
    const auto on = control.loop().executor();

    auto made = kube::make_client(
        on, {.config = std::move(*cluster_config),
             .connections_max = static_cast<std::size_t>(options.metrics_concurrency) + 32,
             .seed = static_cast<std::uint64_t>(getpid()),
             .log = log.get()});
    if (!made) return complain(*log, made.error(), "cluster");
    kube = std::move(*made);
    cluster = kubedb::make_cluster(on, *kube, clock, *log, registry,
                                   {.seed = static_cast<std::uint64_t>(getpid())});
    pages = scrape::make_service_proxy_fetcher(
        [&client = *kube](std::string path, base::steady_time deadline, std::size_t bytes_max) {
            return client.raw_get(std::move(path), deadline, bytes_max, "services/proxy");
        },
        [](const std::string& project) { return kubedb::namespace_of(project); });
    metrics = scrape::make_source(*pages, clock, {.interval = options.metrics_interval});
    service = app::make_service(
        {.on = on,
         .store = **store,
         .cluster = *cluster,
         .metrics = *metrics,
         .clock = clock,
         .log = *log,
         .registry = registry,
         .health = health},
        {.metrics_interval = options.metrics_interval,
         .metrics_timeout = options.metrics_timeout,
         .metrics_concurrency = static_cast<std::size_t>(options.metrics_concurrency),
         .history_retention = options.history,
         .provision_timeout = options.provision_timeout});
    auto loaded = control.run([&] { return service->load(); });
    if (!*loaded) return complain(*log, loaded->error(), "records");

    api = api::make_api({.platform = *service,
                         .control = on,
                         .health = health,
                         .registry = registry,
                         .log = *log,
                         .clock = clock},
                        {.cors_origins = options.cors_origins});
    control.run([&]() -> aio::task<> {
        api->attach();
        co_return base::outcome<void>{};
    });
    std::optional<aio::task_group> loops;
    control.run([&]() -> aio::task<> {
        loops.emplace(on);
        loops->spawn(service->run());
        co_return base::outcome<void>{};
    });

    const auto threads = options.http_threads > 0
                             ? static_cast<std::size_t>(options.http_threads)
                             : std::max(1U, std::thread::hardware_concurrency());
    http::server_options listen{
        .address = options.listen_address,
        .port = options.listen_port,
        .loops = threads,
        .connections_max = static_cast<std::size_t>(options.max_connections)};
    if (!options.tls_certificate.empty()) {
        listen.tls = http::tls_files{.certificate_chain = options.tls_certificate,
                                     .private_key = options.tls_key};
    }
    const auto end_loops = [&] {
        return control.run(
            [&]() -> aio::task<> {
                loops->cancel();
                co_await loops->join();
                co_return co_await service->close();
            },
            std::chrono::steady_clock::now() + loops_patience);
    };
    auto started =
        http::start_server(listen, [&](aio::executor loop) { return api->make_handler(loop); });
    if (!started) {
        end_loops();
        return complain(*log, started.error(), "HTTP server");
    }
    server = std::move(*started);
    registry.make_callback_gauge("dbaas_http_connections", "Open client connections.", {}, [&] {
        return static_cast<double>(server->counters().connections_open);
    });
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    log->info("serving", {{"address", fmt::format("{}://{}:{}", listen.tls ? "https" : "http",
                                                  options.listen_address, server->port())},
                          {"http_threads", threads},
                          {"start_ms", took.count()}});

    const int signal = signals.wait();
    log->info("stopping", {{"signal", signal}});
    // In this order: readiness off, requests finished, loops stopped, memory stored, store closed.
    health.begin_shutdown();
    if (options.drain_delay > 0s) std::this_thread::sleep_for(options.drain_delay);
    const bool clean = server->stop(std::chrono::steady_clock::now() + options.shutdown_grace);
    if (!clean) log->warning("requests_cut", {{"detail", "the shutdown grace was over"}});
    const auto ended = end_loops();
    if (!ended || !*ended) {
        log->error("loops_not_ended", {{"detail", ended ? ended->error().text : "not in time"}});
    }
    const auto closed = aio::run_to_end((*store)->close());
    if (!closed) log->error("store_not_closed", {{"detail", closed.error().text}});
    log->info("stopped");
    log->flush();
    return ended && *ended && closed ? 0 : 1;
}
