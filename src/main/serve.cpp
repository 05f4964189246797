#include "main/serve.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "aio/aio.hpp"
#include "aio/block_on.hpp"
#include "api/api.hpp"
#include "app/scrape_lanes.hpp"
#include "app/service.hpp"
#include "inproc/local_authenticator.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/names.hpp"
#include "main/signals.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "scrape/direct.hpp"
#include "scrape/source.hpp"
#include "sqlite/store.hpp"

namespace {

using namespace std::chrono_literals;

// What the loops have to end, after the requests have.
constexpr auto loops_patience = 10s;

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

struct found_cluster {
    kube::config config;
    bool is_around_us = false;  // by the pod's service account
};
base::outcome<found_cluster> find_cluster(const config::options& how) {
    const auto* inherited = std::getenv("KUBECONFIG");
    const auto path = !how.kubeconfig.empty() ? how.kubeconfig
                      : inherited != nullptr  ? std::string(inherited)
                                              : std::string();
    if (!path.empty()) {
        auto loaded = kube::load_kubeconfig(path, how.kube_context);
        if (!loaded) return base::pass(std::move(loaded));
        return found_cluster{.config = std::move(*loaded)};
    }
    const auto* host = std::getenv("KUBERNETES_SERVICE_HOST");
    const auto* port = std::getenv("KUBERNETES_SERVICE_PORT");
    auto loaded = kube::load_in_cluster(host == nullptr ? "" : host, port == nullptr ? "" : port);
    if (!loaded) return base::pass(std::move(loaded));
    return found_cluster{.config = std::move(*loaded), .is_around_us = true};
}

// While nobody has to log in: names of this machine alone.
std::vector<std::string> hosts_of(const config::options& how) {
    if (how.insecure_no_auth) return {};
    return {"localhost", "127.0.0.1", "[::1]", how.listen_address};
}

// The background's thread: one loop that owns everything but the HTTP connections.
class control_thread {
  public:
    control_thread() {
        loop_.keep_alive();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~control_thread() { end(); }
    // The loop stands still from then on, but is there: what was made for it may be destroyed.
    void end() {
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
                co_return base::ok();
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

// Everything that one platform is made of, built from the bottom up; start() and stop() in order.
class platform_process {
  public:
    platform_process(const config::options& how, obs::log_service& log) : options_(how), log_(log) {
        registry_.make_callback_counter(
            "dbaas_log_lines_dropped_total",
            "Log lines that were lost: the queue was full, or standard error took none.", {},
            [&log] { return static_cast<double>(log.dropped()); });
    }
    ~platform_process() { control_.end(); }
    platform_process(const platform_process&) = delete;
    platform_process& operator=(const platform_process&) = delete;

    // Failures of any part, with its name in front.
    base::outcome<void> start();
    // Readiness off, requests finished, loops stopped, memory stored, store closed; false when
    // something had to be cut or was lost.
    bool stop();
    [[nodiscard]] std::string address() const {
        return fmt::format("{}://{}:{}", options_.tls_certificate.empty() ? "http" : "https",
                           options_.listen_address, server_->port());
    }

  private:
    base::outcome<void> open_store();
    base::outcome<void> connect_cluster();
    void reach_exporters(bool is_inside);
    base::outcome<void> start_service();
    base::outcome<void> listen();
    bool end_loops();

    const config::options& options_;
    obs::log_service& log_;
    const base::clock& clock_ = base::system_clock();
    const inproc::local_authenticator authenticator_;
    obs::registry registry_;
    app::readiness health_;
    control_thread control_;  // before all that has timers and sockets of its loop
    std::unique_ptr<ports::document_store> store_;
    std::unique_ptr<kube::client> kube_;
    scrape::port_registry exporter_ports_;
    std::unique_ptr<ports::cluster> cluster_;
    std::unique_ptr<aio::blocking_pool> name_threads_;  // of direct scrapes; else none
    std::unique_ptr<scrape::resolver> names_;
    std::unique_ptr<scrape::page_fetcher> pages_;
    std::unique_ptr<ports::metrics_source> metrics_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<api::api> api_;
    std::optional<aio::task_group> loops_;
    std::unique_ptr<http::server> server_;
};

base::outcome<void> platform_process::start() {
    for (auto step : {&platform_process::open_store, &platform_process::connect_cluster,
                      &platform_process::start_service, &platform_process::listen}) {
        auto done = (this->*step)();
        if (!done) return done;
    }
    return {};
}

base::outcome<void> platform_process::open_store() {
    std::error_code error;
    std::filesystem::create_directories(options_.data_dir, error);
    auto opened = sqlite::open_store({.path = options_.data_dir + "/platform.db"}, log_, registry_);
    if (!opened) return base::pass(std::move(opened));
    store_ = std::move(*opened);
    return {};
}

base::outcome<void> platform_process::connect_cluster() {
    auto found = find_cluster(options_);
    if (!found) return base::pass(std::move(found), "cluster");
    const auto on = control_.loop().executor();
    const auto seed = static_cast<std::uint64_t>(getpid());
    const auto scrapes = static_cast<std::size_t>(options_.metrics_concurrency);
    constexpr std::size_t other_calls = 32;
    auto made =
        kube::make_client(on, {.config = std::move(found->config),
                               .connections_max = app::scrape_lanes::most(scrapes) + other_calls,
                               .seed = seed,
                               .log = &log_});
    if (!made) return base::pass(std::move(made), "cluster");
    kube_ = std::move(*made);
    cluster_ = kubedb::make_cluster(
        on, *kube_, clock_, log_, registry_,
        {.on_metrics_port = [this](const auto& key, auto port) { exporter_ports_.note(key, port); },
         .seed = seed});
    reach_exporters(found->is_around_us);
    metrics_ = scrape::make_source(*pages_, clock_, {.interval = options_.metrics_interval});
    return {};
}

void platform_process::reach_exporters(bool is_inside) {
    const auto home_of = [](const std::string& project) { return kubedb::namespace_of(project); };
    const bool is_direct = options_.metrics == config::metrics_mode::direct ||
                           (options_.metrics == config::metrics_mode::automatic && is_inside);
    log_.info("exporters", {{"reached", is_direct ? "directly" : "by the service proxy"}});
    if (!is_direct) {
        pages_ = scrape::make_service_proxy_fetcher(
            [&client = *kube_](std::string path, base::steady_time deadline,
                               std::size_t bytes_max) {
                return client.raw_get(std::move(path), deadline, bytes_max, "services/proxy");
            },
            home_of);
        return;
    }
    constexpr std::size_t name_threads = 8;
    constexpr std::size_t names_waiting_max = 4096;
    const auto on = control_.loop().executor();
    name_threads_ = std::make_unique<aio::blocking_pool>(name_threads, names_waiting_max);
    names_ = scrape::make_resolver(on, *name_threads_, clock_);
    const auto scrapes = static_cast<std::size_t>(options_.metrics_concurrency);
    pages_ = scrape::make_direct_fetcher(on, *names_, exporter_ports_, home_of,
                                         {.connections_max = app::scrape_lanes::most(scrapes)});
}

base::outcome<void> platform_process::start_service() {
    const auto on = control_.loop().executor();
    service_ = app::make_service(
        {.on = on,
         .store = *store_,
         .cluster = *cluster_,
         .metrics = *metrics_,
         .clock = clock_,
         .log = log_,
         .registry = registry_,
         .health = health_},
        {.metrics_interval = options_.metrics_interval,
         .metrics_timeout = options_.metrics_timeout,
         .metrics_concurrency = static_cast<std::size_t>(options_.metrics_concurrency),
         .history_retention = options_.history,
         .provision_timeout = options_.provision_timeout});
    auto loaded = control_.run([this] { return service_->load(); });
    if (!*loaded) return *loaded;
    api_ = api::make_api(
        {.platform = *service_,
         .control = on,
         .health = health_,
         .registry = registry_,
         .log = log_,
         .clock = clock_,
         .authenticator = authenticator_},
        {.cors_origins = options_.cors_origins,
         .hosts = hosts_of(options_),
         .streams_per_client = static_cast<std::size_t>(options_.max_streams_per_client)});
    control_.run([this, on]() -> aio::task<> {
        api_->attach();
        loops_.emplace(on);
        loops_->spawn(service_->run());
        co_return base::ok();
    });
    return {};
}

base::outcome<void> platform_process::listen() {
    const auto threads = options_.http_threads > 0
                             ? static_cast<std::size_t>(options_.http_threads)
                             : std::max(1U, std::thread::hardware_concurrency());
    http::server_options options{
        .address = options_.listen_address,
        .port = options_.listen_port,
        .loops = threads,
        .connections_max = static_cast<std::size_t>(options_.max_connections)};
    if (!options_.tls_certificate.empty()) {
        options.tls = http::tls_files{.certificate_chain = options_.tls_certificate,
                                      .private_key = options_.tls_key};
    }
    auto started = http::start_server(
        options, [this](aio::executor loop) { return api_->make_handler(loop); });
    if (!started) {
        end_loops();
        return base::pass(std::move(started), "HTTP server");
    }
    server_ = std::move(*started);
    registry_.make_callback_gauge("dbaas_http_connections", "Open client connections.", {}, [this] {
        return static_cast<double>(server_->counters().connections_open);
    });
    return {};
}

bool platform_process::end_loops() {
    const auto ended = control_.run(
        [this]() -> aio::task<> {
            loops_->cancel();
            co_await loops_->join();
            co_return co_await service_->close();
        },
        std::chrono::steady_clock::now() + loops_patience);
    if (ended && *ended) return true;
    log_.error("loops_not_ended", {{"detail", ended ? ended->error().text : "not in time"}});
    return false;
}

bool platform_process::stop() {
    health_.begin_shutdown();
    if (options_.drain_delay > 0s) std::this_thread::sleep_for(options_.drain_delay);
    const bool clean = server_->stop(std::chrono::steady_clock::now() + options_.shutdown_grace);
    if (!clean) log_.warning("requests_aborted", {{"detail", "the shutdown grace was over"}});
    const bool ended = end_loops();
    const auto closed = aio::block_on(store_->close());
    if (!closed) log_.error("store_not_closed", {{"detail", closed.error().text}});
    return ended && closed.has_value();
}

}  // namespace

int serve(const config::loaded& how) {
    stop_signals signals;  // before any thread
    const auto begun = std::chrono::steady_clock::now();
    const auto log = start_log(how.options);
    for (const auto& note : how.notes) log->warning("option_not_in_use", {{"detail", note}});
    if (how.options.insecure_no_auth) {
        log->warning("serving_without_authentication",
                     {{"detail", "everybody who reaches the address is an administrator"}});
    }
    platform_process platform(how.options, *log);
    const auto started = platform.start();
    if (!started) {
        log->error("start_failed", {{"detail", started.error().text}});
        log->flush();
        return 1;
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    log->info("serving", {{"address", platform.address()}, {"start_ms", took.count()}});
    const int signal = signals.wait();
    log->info("stopping", {{"signal", signal}});
    const bool clean = platform.stop();
    log->info("stopped");
    log->flush();
    // What could not be ended may still be about to use anything: nothing is torn down under it.
    if (!clean) std::_Exit(1);
    return 0;
}
