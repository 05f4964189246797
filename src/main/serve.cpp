#include "main/serve.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "aio/aio.hpp"
#include "aio/block_on.hpp"
#include "api/api.hpp"
#include "app/scrape_lanes.hpp"
#include "app/service.hpp"
#include "base/random_id.hpp"
#include "inproc/local_authenticator.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/kubedb_leases.hpp"
#include "kubedb/names.hpp"
#include "main/admin_key.hpp"
#include "main/cluster_access.hpp"
#include "main/redis_access.hpp"
#include "main/reload_list.hpp"
#include "main/signals.hpp"
#include "mongo/mongo_store.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "scrape/direct.hpp"
#include "scrape/source.hpp"
#include "sqlite/store.hpp"

namespace {

using namespace std::chrono_literals;

// Timeout of the background loops after the last request has ended.
constexpr auto loops_timeout = 10s;
// Interval of the reads that find the writes of other replicas in a shared store.
constexpr std::chrono::milliseconds shared_store_interval = 2s;
// The same while the bus reports the writes of other replicas.
constexpr std::chrono::milliseconds interval_with_bus = 15s;

obs::level level_of(config::log_level level) {
    switch (level) {
        case config::log_level::trace:
            return obs::level::trace;
        case config::log_level::debug:
            return obs::level::debug;
        case config::log_level::info:
            return obs::level::info;
        case config::log_level::warning:
            return obs::level::warning;
        case config::log_level::error:
            return obs::level::error;
        case config::log_level::critical:
            return obs::level::critical;
        case config::log_level::off:
            return obs::level::off;
    }
    return obs::level::info;
}

std::unique_ptr<obs::log_service> start_log(const config::options& options) {
    const bool is_terminal = isatty(STDERR_FILENO) != 0;
    const bool is_console = options.log_format == config::log_style::console ||
                            (options.log_format == config::log_style::automatic && is_terminal);
    return obs::make_log({.level_min = level_of(options.log_level),
                          .format = is_console ? obs::log_format::console : obs::log_format::json,
                          .colour = is_console && is_terminal,
                          .environment = std::string(config::name(options.environment))});
}

// Reads the options again. Puts those into use that can change while the platform runs, and logs
// the others that differ from the start. Errors: invalid; nothing has changed then.
base::outcome<void> reload_options(const config::sources& sources, const config::loaded& start,
                                   config::loaded& current, obs::log_service& log) {
    auto reloaded = config::load(sources);
    if (!reloaded) return base::pass(std::move(reloaded));
    log.set_level_min(level_of(reloaded->options.log_level));
    const auto names = [](const std::vector<std::string>& list) {
        return fmt::format("{}", fmt::join(list, ", "));
    };
    const auto applied = config::compare(current, *reloaded).applied;
    if (!applied.empty()) log.info("options_changed", {{"options", names(applied)}});
    const auto pending = config::compare(start, *reloaded).pending;
    if (!pending.empty()) log.warning("options_need_a_restart", {{"options", names(pending)}});
    current = std::move(*reloaded);
    return base::ok();
}

// Returns the name of this process among the replicas: the host (of a pod: its name) and a random
// part, because a restarted process is another holder.
std::string replica_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return base::random_id(std::string(host.data()) + "-", 6);
}

// Returns the accepted Host headers; empty = all. Without authentication, only local names are
// accepted, so that a web page cannot reach the API by DNS rebinding.
std::vector<std::string> hosts_of(const config::options& options) {
    if (options.insecure_no_auth || options.auth == config::auth_mode::required) return {};
    return {"localhost", "127.0.0.1", "[::1]", options.listen_address};
}

// The thread of the control loop, which owns all state except the HTTP connections.
class control_thread {
  public:
    control_thread() {
        loop_.keep_alive();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~control_thread() { stop(); }
    // Stops the loop and its thread. The loop object stays valid, so that timers and sockets of the
    // loop can be destroyed.
    void stop() {
        loop_.stop();
        if (thread_.joinable()) thread_.join();
    }
    aio::loop& loop() noexcept { return loop_; }

    // Runs a task on the loop and returns its result, or nullopt if `deadline` passes first.
    std::optional<base::outcome<void>> run(std::move_only_function<aio::task<>()> start,
                                           base::steady_time deadline = base::steady_time::max()) {
        struct result {
            std::mutex mutex;
            std::condition_variable completed;
            std::optional<base::outcome<void>> value;
        };
        const auto shared = std::make_shared<result>();
        loop_.post([this, shared, start = std::move(start)]() mutable {
            auto work = [](std::move_only_function<aio::task<>()> begin,
                           std::shared_ptr<result> out) -> aio::task<> {
                auto value = co_await begin();
                const std::lock_guard lock(out->mutex);
                out->value = value;
                out->completed.notify_all();
                co_return base::ok();
            };
            if (!tasks_) tasks_.emplace(loop_.executor());
            tasks_->spawn(work(std::move(start), shared));
        });
        std::unique_lock lock(shared->mutex);
        const auto is_complete = [&] { return shared->value.has_value(); };
        if (deadline == base::steady_time::max()) {
            shared->completed.wait(lock, is_complete);
        } else {
            shared->completed.wait_until(lock, deadline, is_complete);
        }
        return shared->value;
    }

  private:
    aio::loop loop_;
    std::optional<aio::task_group> tasks_;
    std::thread thread_;
};

// All modules of one platform. start() builds them bottom-up, stop() stops them top-down.
class platform_process {
  public:
    platform_process(const config::options& options, obs::log_service& log)
        : options_(options), log_(log) {
        registry_.make_callback_counter(
            "dbaas_log_lines_dropped_total",
            "Log lines dropped because the queue was full or standard error was blocked.", {},
            [&log] { return static_cast<double>(log.dropped()); });
    }
    ~platform_process() { control_.stop(); }
    platform_process(const platform_process&) = delete;
    platform_process& operator=(const platform_process&) = delete;

    // Errors: those of the modules, with the name of the module as context.
    base::outcome<void> start();
    // Turns readiness off, finishes requests, stops the loops, flushes state to the store and
    // closes it. Returns false if a loop did not end or the store did not close.
    bool stop();
    // Runs the functions of reloads(). Between start() and stop().
    void reload() { reloads_.run(log_); }
    reload_list& reloads() noexcept { return reloads_; }
    [[nodiscard]] std::string address() const {
        return fmt::format("{}://{}:{}", options_.tls_certificate.empty() ? "http" : "https",
                           options_.listen_address, server_->port());
    }

  private:
    base::outcome<void> open_store();
    base::outcome<void> connect_redis();
    base::outcome<void> connect_cluster();
    void make_fetcher(bool is_in_cluster);
    [[nodiscard]] scrape::page_limits limits_of_pages() const;
    base::outcome<void> start_service();
    base::outcome<void> admit_admin_key();
    base::outcome<void> listen();
    aio::task<> watch_certificate();
    bool stop_loops();

    const config::options& options_;
    obs::log_service& log_;
    const base::clock& clock_ = base::system_clock();
    const inproc::local_authenticator local_authenticator_;
    obs::registry registry_;
    app::readiness health_;
    control_thread control_;  // outlives all owners of its timers and sockets
    std::unique_ptr<ports::document_store> store_;
    std::unique_ptr<redis_access> redis_;  // nullptr without redis-url
    std::unique_ptr<kube::client> kube_;
    std::unique_ptr<ports::lease_manager> leases_;  // nullptr with the embedded store
    std::unique_ptr<ports::cluster> cluster_;
    std::unique_ptr<aio::blocking_pool> resolver_threads_;  // nullptr without direct scrapes
    std::unique_ptr<scrape::resolver> resolver_;
    std::unique_ptr<scrape::page_fetcher> fetcher_;
    std::unique_ptr<ports::metrics_source> metrics_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<api::api> api_;
    std::optional<aio::task_group> loops_;
    std::unique_ptr<http::server> server_;
    reload_list reloads_;  // filled by the start steps; refers to the members above
};

base::outcome<void> platform_process::start() {
    auto result = open_store();
    if (result) result = connect_redis();
    if (result) result = connect_cluster();
    if (result) result = start_service();
    if (result) result = listen();
    return result;
}

base::outcome<void> platform_process::open_store() {
    const auto open_embedded = [this] {
        std::error_code error;
        std::filesystem::create_directories(options_.data_dir, error);
        return sqlite::open_store({.path = options_.data_dir + "/platform.db"}, log_, registry_);
    };
    auto opened = options_.mongodb_url.empty()
                      ? open_embedded()
                      : mongo::open_store({.url = options_.mongodb_url}, log_, registry_);
    if (!opened) return base::pass(std::move(opened));
    store_ = std::move(*opened);
    return {};
}

base::outcome<void> platform_process::connect_redis() {
    if (options_.redis_url.empty()) return {};
    auto access = redis_access::make(options_, control_.loop().executor(), log_, registry_);
    if (!access) return base::pass(std::move(access), "redis");
    redis_ = std::move(*access);
    return {};
}

base::outcome<void> platform_process::connect_cluster() {
    auto access = find_cluster(options_);
    if (!access) return base::pass(access, "cluster");
    const auto executor = control_.loop().executor();
    const auto seed = static_cast<std::uint64_t>(getpid());
    const auto scrapes = static_cast<std::size_t>(options_.metrics_concurrency);
    constexpr std::size_t other_calls = 32;
    const auto lease_namespace = access->config.ns;
    auto client = kube::make_client(
        executor, {.config = std::move(access->config),
                   .connections_max = app::scrape_lanes::in_flight_max(scrapes) + other_calls,
                   .seed = seed,
                   .log = &log_});
    if (!client) return base::pass(std::move(client), "cluster");
    kube_ = std::move(*client);
    reloads_.add("kubernetes_credentials", [this]() -> base::outcome<void> {
        const auto reloaded =
            control_.run([this]() -> aio::task<> { co_return kube_->reload_credentials(); },
                         std::chrono::steady_clock::now() + loops_timeout);
        if (reloaded) return *reloaded;
        return base::fail(base::errc::timed_out, "the control loop did not respond within 10 s");
    });
    if (!options_.mongodb_url.empty()) {
        leases_ = kubedb::make_lease_manager(*kube_, {.ns = lease_namespace});
    }
    cluster_ = kubedb::make_cluster(executor, *kube_, clock_, log_, registry_, {.seed = seed});
    make_fetcher(access->is_in_cluster);
    metrics_ = scrape::make_source(
        *fetcher_, clock_, {.interval = options_.metrics_interval, .limits = limits_of_pages()});
    return {};
}

scrape::page_limits platform_process::limits_of_pages() const {
    constexpr std::size_t mebibyte = std::size_t{1024} * 1024;
    return {.page_bytes = static_cast<std::size_t>(options_.metrics_page_limit) * mebibyte};
}

void platform_process::make_fetcher(bool is_in_cluster) {
    const auto namespace_of = [](const std::string& project) {
        return kubedb::namespace_of(project);
    };
    const bool is_direct = options_.metrics == config::metrics_mode::direct ||
                           (options_.metrics == config::metrics_mode::automatic && is_in_cluster);
    log_.info("metrics_mode_selected", {{"mode", is_direct ? "direct" : "proxy"}});
    if (!is_direct) {
        fetcher_ = scrape::make_service_proxy_fetcher(
            [&client = *kube_](std::string path, base::steady_time deadline,
                               std::size_t bytes_max) {
                return client.raw_get(std::move(path), deadline, bytes_max, "services/proxy");
            },
            namespace_of, limits_of_pages());
        return;
    }
    constexpr std::size_t resolver_threads = 8;
    constexpr std::size_t resolver_queue_max = 4096;
    const auto executor = control_.loop().executor();
    resolver_threads_ = std::make_unique<aio::blocking_pool>(resolver_threads, resolver_queue_max);
    resolver_ = scrape::make_resolver(executor, *resolver_threads_, clock_);
    const auto scrapes = static_cast<std::size_t>(options_.metrics_concurrency);
    fetcher_ =
        scrape::make_direct_fetcher(executor, *resolver_, namespace_of,
                                    {.connections_max = app::scrape_lanes::in_flight_max(scrapes),
                                     .limits = limits_of_pages()});
}

base::outcome<void> platform_process::start_service() {
    const auto executor = control_.loop().executor();
    service_ = app::make_service(
        {.executor = executor,
         .store = *store_,
         .cluster = *cluster_,
         .metrics = *metrics_,
         .clock = clock_,
         .log = log_,
         .registry = registry_,
         .health = health_,
         .bus = redis_ ? &redis_->bus() : nullptr,
         .leases = leases_.get()},
        {.metrics_interval = options_.metrics_interval,
         .metrics_timeout = options_.metrics_timeout,
         .metrics_concurrency = static_cast<std::size_t>(options_.metrics_concurrency),
         .history_retention = options_.history,
         .provision_timeout = options_.provision_timeout,
         .anti_entropy_interval = options_.mongodb_url.empty() ? 0ms
                                  : redis_                     ? interval_with_bus
                                                               : shared_store_interval,
         .anti_entropy_interval_without_bus = shared_store_interval,
         .store_is_embedded = options_.mongodb_url.empty(),
         .replica = replica_name()});
    auto loaded = control_.run([this] { return service_->load(); });
    if (!*loaded) return *loaded;
    const bool is_required = options_.auth == config::auth_mode::required;
    if (is_required) {
        auto admitted = admit_admin_key();
        if (!admitted) return base::pass(std::move(admitted), "admin key");
    }
    api_ = api::make_api(
        {.platform = service_->interfaces(),
         .control = executor,
         .health = health_,
         .registry = registry_,
         .log = log_,
         .clock = clock_,
         .authenticator = is_required ? service_->authenticator() : local_authenticator_},
        {.cors_origins = options_.cors_origins,
         .hosts = hosts_of(options_),
         .streams_per_client = static_cast<std::size_t>(options_.max_streams_per_client)});
    control_.run([this, executor]() -> aio::task<> {
        api_->attach();
        loops_.emplace(executor);
        if (redis_) loops_->spawn(redis_->run());
        loops_->spawn(service_->run());
        co_return base::ok();
    });
    return {};
}

base::outcome<void> platform_process::admit_admin_key() {
    auto& keys = service_->keys();
    const bool is_named = !options_.admin_key_file.empty();
    const admin_key_file file{
        .path = is_named ? options_.admin_key_file : options_.data_dir + "/admin-key",
        .is_always_made = is_named,
        .has_administrator = keys.has_administrator()};
    if (!is_named) {
        std::error_code error;
        std::filesystem::create_directories(options_.data_dir, error);
    }
    auto key = obtain_admin_key(file, app::key_registry::new_key_text());
    if (!key) return base::pass(std::move(key));
    if (!*key) return base::ok();
    auto admitted = control_.run([&] { return keys.admit_admin_key((*key)->text); });
    if ((*key)->is_new) log_.warning("admin_key_written", {{"path", file.path}});
    return *admitted;
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
        stop_loops();
        return base::pass(std::move(started), "HTTP server");
    }
    server_ = std::move(*started);
    if (!options_.tls_certificate.empty()) {
        reloads_.add("tls_certificate", [this]() -> base::outcome<void> {
            auto reloaded = server_->reload_certificate();
            if (!reloaded) return base::pass(std::move(reloaded));
            return base::ok();
        });
        control_.run([this]() -> aio::task<> {
            loops_->spawn(watch_certificate());
            co_return base::ok();
        });
    }
    registry_.make_callback_gauge("dbaas_http_connections", "Open client connections.", {}, [this] {
        return static_cast<double>(server_->counters().connections_open);
    });
    return {};
}

// Puts renewed files into use without a signal.
aio::task<> platform_process::watch_certificate() {
    constexpr std::chrono::seconds period{30};
    std::string known_error;
    while (true) {
        auto slept = co_await aio::sleep_for(clock_, period);
        if (!slept) co_return slept;
        const auto reloaded = server_->reload_certificate();
        const auto error = reloaded ? std::string() : reloaded.error().text;
        if (reloaded && *reloaded) log_.info("tls_certificate_changed");
        if (!error.empty() && error != known_error) {
            log_.warning("tls_certificate_unusable", {{"detail", error}});
        }
        known_error = error;
    }
}

bool platform_process::stop_loops() {
    const auto result = control_.run(
        [this]() -> aio::task<> {
            loops_->cancel();
            co_await loops_->join();
            co_return co_await service_->close();
        },
        std::chrono::steady_clock::now() + loops_timeout);
    if (result && *result) return true;
    log_.error("loops_not_stopped",
               {{"detail", result ? result->error().text : "the loops did not end within 10 s"}});
    return false;
}

bool platform_process::stop() {
    health_.begin_shutdown();
    if (options_.drain_delay > 0s) std::this_thread::sleep_for(options_.drain_delay);
    const bool is_drained =
        server_->stop(std::chrono::steady_clock::now() + options_.shutdown_grace);
    if (!is_drained) log_.warning("requests_aborted", {{"detail", "shutdown grace exceeded"}});
    const bool are_loops_stopped = stop_loops();
    const auto closed = aio::block_on(store_->close());
    if (!closed) log_.error("store_not_closed", {{"detail", closed.error().text}});
    return are_loops_stopped && closed.has_value();
}

}  // namespace

int serve(const config::sources& sources, const config::loaded& loaded) {
    process_signals signals;  // before any thread
    const auto start = std::chrono::steady_clock::now();
    const auto log = start_log(loaded.options);
    for (const auto& note : loaded.notes) log->warning("option_not_in_use", {{"detail", note}});
    if (loaded.options.insecure_no_auth) {
        log->warning("serving_without_authentication",
                     {{"detail", "every client that reaches the address is an administrator"}});
    }
    platform_process platform(loaded.options, *log);
    auto current = loaded;  // the options in use after the last reload
    platform.reloads().add("options",
                           [&] { return reload_options(sources, loaded, current, *log); });
    const auto started = platform.start();
    if (!started) {
        log->error("start_failed", {{"detail", started.error().text}});
        log->flush();
        return 1;
    }
    const std::chrono::duration<double, std::milli> duration =
        std::chrono::steady_clock::now() - start;
    log->info("serving", {{"address", platform.address()}, {"start_ms", duration.count()}});
    const int signal = signals.wait([&] { platform.reload(); });
    log->info("stopping", {{"signal", signal}});
    const bool is_clean = platform.stop();
    log->info("stopped");
    log->flush();
    // A loop that did not end may still use any object, so no destructor may run.
    if (!is_clean) std::_Exit(1);
    return 0;
}
