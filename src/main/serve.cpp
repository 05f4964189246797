#include "main/serve.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "aio/block_on.hpp"
#include "api/api.hpp"
#include "app/ownership.hpp"
#include "app/service.hpp"
#include "app/store_restoration.hpp"
#include "inproc/local_authenticator.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "kubedb/kubedb_leases.hpp"
#include "main/cluster_access.hpp"
#include "main/first_administrator.hpp"
#include "main/identity_access.hpp"
#include "main/loop_thread.hpp"
#include "main/metrics_access.hpp"
#include "main/option_reload.hpp"
#include "main/platform_key_file.hpp"
#include "main/redis_access.hpp"
#include "main/reload_list.hpp"
#include "main/secret_rotation.hpp"
#include "main/signals.hpp"
#include "main/start_guard.hpp"
#include "main/start_retry.hpp"
#include "main/telemetry.hpp"
#include "main/watched_secrets.hpp"
#include "mongo/mongo_store.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "obs/module_logs.hpp"
#include "sentry/reporting_log.hpp"
#include "sqlite/store.hpp"

namespace {

using namespace std::chrono_literals;
using obs::log_module;

// Timeout of the background loops after the last request has ended.
constexpr auto loops_timeout = 10s;
// Time from SIGTERM during the start until the process ends without the end of the step.
constexpr std::chrono::milliseconds start_grace = 1s;
// Interval of the reads that find the writes of other replicas in a shared store.
constexpr std::chrono::milliseconds shared_store_interval = 2s;
// The same while the bus reports the writes of other replicas.
constexpr std::chrono::milliseconds interval_with_bus = 15s;

// Returns the accepted Host headers; empty = all. Without authentication, only local names are
// accepted, so that a web page cannot reach the API by DNS rebinding.
std::vector<std::string> hosts_of(const config::options& options) {
    if (options.insecure_no_auth || options.auth == config::auth_mode::required) return {};
    return {"localhost", "127.0.0.1", "[::1]", options.listen_address};
}

// All modules of one platform. start() builds them bottom-up, stop() stops them top-down.
class platform_process {
  public:
    // `reporter` sends errors to Sentry while the loops run; may be null.
    platform_process(const config::options& options, obs::log_service& log,
                     sentry::reporting_log* reporter)
        : options_(options), log_(log), logs_(log, options.log_levels), reporter_(reporter) {
        registry_.make_callback_counter(
            "dbaas_log_lines_dropped_total",
            "Log lines dropped because the queue was full or standard error was blocked.", {},
            [&log] { return static_cast<double>(log.dropped()); });
    }
    ~platform_process() { control_.stop(); }
    platform_process(const platform_process&) = delete;
    platform_process& operator=(const platform_process&) = delete;

    // Errors: those of the modules, with the name of the module as context.
    // Each step enters the guard, which also ends the waits between the attempts to reach the
    // store.
    base::outcome<void> start(start_guard& guard);
    // Turns readiness off, finishes requests, stops the loops, flushes state to the store and
    // closes it. Returns false if a loop did not end or the store did not close.
    bool stop();
    // Runs the functions of reloads(). Between start() and stop().
    void reload() { reloads_.run(log_); }
    reload_list& reloads() noexcept { return reloads_; }
    // Puts the options into use that can change while the platform runs. Between start() and
    // stop().
    base::outcome<void> use(const config::options& changed);
    [[nodiscard]] std::string address() const {
        return fmt::format("{}://{}:{}", options_.tls_certificate.empty() ? "http" : "https",
                           options_.listen_address, server_->port());
    }

  private:
    base::outcome<void> open_store();
    base::outcome<void> start_exporters();
    [[nodiscard]] obs::tracer& tracer() noexcept;
    base::outcome<void> connect_redis();
    base::outcome<void> watch_redis_files();
    void watch_secrets();
    base::outcome<void> connect_cluster();
    base::outcome<void> start_service(start_retry& retry);
    base::outcome<void> load_records();
    [[nodiscard]] app::service_options service_options(app::shared_sealer sealer) const;
    base::outcome<void> listen();
    aio::task<> watch_certificate();
    bool stop_loops();

    const config::options& options_;
    obs::log_service& log_;
    obs::module_logs logs_;
    sentry::reporting_log* const reporter_;
    const base::clock& clock_ = base::system_clock();
    const inproc::local_authenticator local_authenticator_;
    const std::string replica_ = app::replica_name(host_name());
    obs::registry registry_;
    app::readiness health_;
    loop_thread control_;  // outlives all owners of its timers and sockets
    std::unique_ptr<otlp::span_exporter> exporter_;       // nullptr without traces
    std::unique_ptr<otlp::log_exporter> audit_exporter_;  // nullptr without audit-export
    std::unique_ptr<ports::document_store> store_;
    std::unique_ptr<redis_access> redis_;  // nullptr without redis-url
    std::unique_ptr<kube::client> kube_;
    std::unique_ptr<ports::lease_manager> leases_;  // nullptr with the embedded store
    std::unique_ptr<ports::cluster> cluster_;
    std::unique_ptr<metrics_access> metrics_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<identity_access> identity_;
    std::unique_ptr<api::api> api_;
    secret_rotation secrets_;  // filled by the start steps
    std::optional<aio::task_group> loops_;
    std::unique_ptr<http::server> server_;
    reload_list reloads_;  // filled by the start steps; refers to the members above
};

base::outcome<void> platform_process::start(start_guard& guard) {
    start_retry retry(clock_, log_, options_.mongodb_url.empty() ? 0s : options_.start_timeout,
                      [&guard](std::chrono::milliseconds delay) { return guard.sleep(delay); });
    auto result = start_exporters();
    if (result) result = guard.enter("open the store");
    if (result) result = retry.run([this] { return open_store(); });
    if (result) result = guard.enter("check the store");
    if (result) {
        result = retry.run(
            [this] { return *control_.run([this] { return app::check_complete(*store_); }); });
    }
    if (result) result = guard.enter("configure Redis and the cluster");
    if (result) result = connect_redis();
    if (result) result = connect_cluster();
    if (result) result = guard.enter("load the records");
    if (result) result = start_service(retry);
    if (result) result = listen();
    return result;
}

base::outcome<void> platform_process::open_store() {
    const auto open_embedded = [this] {
        std::error_code error;
        std::filesystem::create_directories(options_.data_dir, error);
        return sqlite::open_store({.path = options_.data_dir + "/platform.db"},
                                  logs_.of(log_module::sqlite), registry_);
    };
    if (options_.mongodb_url.empty()) {
        auto opened = open_embedded();
        if (!opened) return base::pass(std::move(opened));
        store_ = std::move(*opened);
        return {};
    }
    auto opened =
        mongo::open_store({.url = options_.mongodb_url}, logs_.of(log_module::mongo), registry_);
    if (!opened) return base::pass(std::move(opened));
    auto* const mongodb = opened->get();
    store_ = std::move(*opened);
    if (options_.mongodb_url_file.empty()) return {};
    secrets_.add("mongodb-url-file", {options_.mongodb_url_file}, {options_.mongodb_url},
                 [mongodb](const std::vector<base::secret>& contents) {
                     return mongodb->change_url(contents.front());
                 });
    return {};
}

base::outcome<void> platform_process::start_exporters() {
    const exporter_deps deps{.replica = replica_,
                             .clock = clock_,
                             .registry = registry_,
                             .log = logs_.of(log_module::otlp)};
    auto exporter = make_span_exporter(options_, deps);
    if (!exporter) return base::pass(std::move(exporter));
    exporter_ = std::move(*exporter);
    auto audit_exporter = make_audit_exporter(options_, deps);
    if (!audit_exporter) return base::pass(std::move(audit_exporter));
    audit_exporter_ = std::move(*audit_exporter);
    return {};
}

obs::tracer& platform_process::tracer() noexcept {
    return exporter_ ? static_cast<obs::tracer&>(*exporter_) : obs::null_tracer();
}

base::outcome<void> platform_process::connect_redis() {
    if (options_.redis_url.empty()) return {};
    auto access = redis_access::make(options_, control_.loop().executor(),
                                     logs_.of(log_module::redis), registry_);
    if (!access) return base::pass(std::move(access), "redis");
    redis_ = std::move(*access);
    return watch_redis_files();
}

base::outcome<void> platform_process::watch_redis_files() {
    std::vector<std::string> paths;
    std::vector<base::secret> contents;
    const bool has_url_file = !options_.redis_url_file.empty();
    if (has_url_file) {
        paths.push_back(options_.redis_url_file);
        contents.push_back(options_.redis_url);
    }
    for (const auto& path :
         {options_.redis_ca_file, options_.redis_cert_file, options_.redis_key_file}) {
        if (path.empty()) continue;
        auto content = read_secret(path);
        if (!content) return base::pass(std::move(content), "redis");
        paths.push_back(path);
        contents.push_back(std::move(*content));
    }
    if (paths.empty()) return {};
    secrets_.add("redis-url-file", std::move(paths), std::move(contents),
                 [this, has_url_file](const std::vector<base::secret>& changed) {
                     auto options = options_;
                     if (has_url_file) options.redis_url = changed.front();
                     return redis_->change_url(std::move(options));
                 });
    return {};
}

base::outcome<void> platform_process::connect_cluster() {
    auto access = find_cluster(options_);
    if (!access) return base::pass(access, "cluster");
    const auto executor = control_.loop().executor();
    const auto seed = static_cast<std::uint64_t>(getpid());
    // More than the workers of the reconciler, so that leases and requests of clients never wait
    // for them.
    constexpr std::size_t connections_max = 96;
    const auto lease_namespace = access->config.ns;
    auto client = kube::make_client(executor, {.config = access->config,
                                               .connections_max = connections_max,
                                               .seed = seed,
                                               .log = &logs_.of(log_module::kube),
                                               .tracer = &tracer()});
    if (!client) return base::pass(std::move(client), "cluster");
    kube_ = std::move(*client);
    auto metrics = metrics_access::make(
        options_, std::move(*access),
        {.clock = clock_, .log = log_, .kube_log = logs_.of(log_module::kube), .tracer = tracer()});
    if (!metrics) return base::pass(std::move(metrics), "cluster");
    metrics_ = std::move(*metrics);
    reloads_.add("kubernetes_credentials", [this]() -> base::outcome<void> {
        auto reloaded = control_.run_within(
            loops_timeout, [this]() -> aio::task<> { co_return kube_->reload_credentials(); });
        return reloaded ? metrics_->reload_credentials() : reloaded;
    });
    if (!options_.mongodb_url.empty()) {
        leases_ = kubedb::make_lease_manager(*kube_, {.ns = lease_namespace});
    }
    cluster_ = kubedb::make_cluster(executor, *kube_, clock_, logs_.of(log_module::kubedb),
                                    registry_, {.seed = seed});
    return {};
}

// Can be repeated: the records of an incomplete attempt are read again.
base::outcome<void> platform_process::load_records() {
    auto loaded = *control_.run([this] { return service_->load(); });
    if (!loaded) return loaded;
    return admit_first_administrator(options_, control_, *service_, log_);
}

// `sealer` seals the keys in the store.
app::service_options platform_process::service_options(app::shared_sealer sealer) const {
    const bool is_embedded = options_.mongodb_url.empty();
    return {.metrics_interval = options_.metrics_interval,
            .metrics_timeout = options_.metrics_timeout,
            .metrics_concurrency = static_cast<std::size_t>(options_.metrics_concurrency),
            .history_retention = options_.history,
            .provision_timeout = options_.provision_timeout,
            .anti_entropy_interval = is_embedded ? 0ms
                                     : redis_    ? interval_with_bus
                                                 : shared_store_interval,
            .anti_entropy_interval_without_bus = shared_store_interval,
            .store_is_embedded = is_embedded,
            .replica = replica_,
            .signing = {.secret = options_.jwt_secret,
                        .previous_secret = options_.jwt_secret_previous,
                        .sealer = std::move(sealer),
                        .issuer = options_.jwt_issuer},
            .audit_retention = options_.audit_retention,
            .log_levels = options_.log_levels,
            .api_keys = {.lifetime_max = options_.api_key_max_days}};
}

base::outcome<void> platform_process::start_service(start_retry& retry) {
    const auto executor = control_.loop().executor();
    const auto sealer = obtain_platform_key(options_, log_);
    if (!sealer) return base::pass(sealer, "platform key");
    service_ = app::make_service(
        {.executor = executor,
         .store = *store_,
         .cluster = *cluster_,
         .metrics = metrics_->source(),
         .clock = clock_,
         .log = logs_.of(log_module::app),
         .registry = registry_,
         .health = health_,
         .bus = redis_ ? &redis_->bus() : nullptr,
         .leases = leases_.get(),
         .tracer = tracer(),
         .scrape_log = &logs_.of(log_module::scrape),
         .audit_export =
             audit_exporter_ ? static_cast<obs::log&>(*audit_exporter_) : obs::null_log(),
         .apply_log_levels = [this](const auto& levels) { logs_.set_levels(levels); }},
        service_options(*sealer));
    if (options_.reject_bare_digests) service_->keys().reject_bare_digests();
    auto loaded = retry.run([this] { return load_records(); });
    if (!loaded) return loaded;
    const bool is_required = options_.auth == config::auth_mode::required;
    auto identity = identity_access::make(
        options_, {.executor = executor,
                   .clock = clock_,
                   .log = logs_.of(log_module::oidc),
                   .kube = *kube_,
                   .platform = service_->interfaces(),
                   .own = is_required ? service_->authenticator() : local_authenticator_});
    if (!identity) return base::pass(std::move(identity));
    identity_ = std::move(*identity);
    api_ = api::make_api(
        {.platform = service_->interfaces(),
         .control = executor,
         .health = health_,
         .registry = registry_,
         .log = logs_.of(log_module::api),
         .clock = clock_,
         .authenticator = identity_->authenticator(),
         .shared_limits = redis_ ? &redis_->limits() : nullptr,
         .tracer = tracer(),
         .provider = identity_->provider(),
         .logins = identity_->logins(),
         .lookup = identity_->external()},
        {.cors_origins = options_.cors_origins,
         .hosts = hosts_of(options_),
         .is_public_url_secure = !options_.public_url.starts_with("http://"),
         .is_auth_required = is_required,
         .streams_per_client = static_cast<std::size_t>(options_.max_streams_per_client),
         .limits = {.quotas = options_.rate_quotas, .trusted_proxies = options_.trusted_proxies}});
    control_.run([this, executor]() -> aio::task<> {
        api_->attach();
        loops_.emplace(executor);
        if (redis_) loops_->spawn(redis_->run());
        if (reporter_ != nullptr) loops_->spawn(reporter_->run());
        if (exporter_) loops_->spawn(exporter_->run());
        if (audit_exporter_) loops_->spawn(audit_exporter_->run());
        loops_->spawn(service_->run());
        if (identity_->external() != nullptr) loops_->spawn(identity_->external()->run());
        co_return base::ok();
    });
    watch_secrets();
    return {};
}

base::outcome<void> platform_process::use(const config::options& changed) {
    return control_.run_within(loops_timeout, [this, levels = changed.log_levels]() -> aio::task<> {
        service_->log_levels().configure(levels);
        co_return base::ok();
    });
}

void platform_process::watch_secrets() {
    if (options_.auth == config::auth_mode::required && !options_.admin_key_file.empty()) {
        auto content = read_secret(options_.admin_key_file);
        secrets_.add("admin-key-file", {options_.admin_key_file},
                     {content ? std::move(*content) : base::secret()},
                     [this](const std::vector<base::secret>& contents) {
                         return admit_admin_key(*service_, contents.front());
                     });
    }
    watch_key_files(options_, service_->signing(), reporter_, secrets_);
    identity_->watch_files(options_, secrets_);
    if (secrets_.is_empty()) return;
    reloads_.add("secrets", [this] {
        return control_.run_within(loops_timeout, [this] { return secrets_.check(log_); });
    });
    control_.run([this]() -> aio::task<> {
        loops_->spawn(secrets_.run(clock_, log_));
        co_return base::ok();
    });
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
            auto closed = co_await service_->close();
            if (exporter_) co_await exporter_->flush();
            if (audit_exporter_) co_await audit_exporter_->flush();
            co_return closed;
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

start_guard::callbacks callbacks_of_start(obs::log_service& log) {
    return {.on_signal =
                [&log](int signal, const char* step) {
                    log.info("stopping", {{"signal", signal}, {"start_step", step}});
                },
            .on_expired =
                [&log](int signal, const char* step) {
                    log.warning("start_aborted", {{"signal", signal}, {"start_step", step}});
                    log.flush();
                    // The main thread is inside the step, so no destructor may run.
                    std::_Exit(1);
                }};
}

}  // namespace

int serve(const config::sources& sources, const config::loaded& loaded) {
    process_signals signals;  // before any thread
    const auto start = std::chrono::steady_clock::now();
    const auto lines = start_log(loaded.options);
    const auto reporter = make_reporter(loaded.options, *lines);
    if (!reporter) {
        lines->error("start_failed", {{"detail", reporter.error().text}});
        return 1;
    }
    obs::log_service* const log = *reporter ? reporter->get() : lines.get();
    watch_crashes(loaded.options, *log);
    for (const auto& note : loaded.notes) log->warning("option_not_in_use", {{"detail", note}});
    if (loaded.options.insecure_no_auth) {
        log->warning("serving_without_authentication",
                     {{"detail", "every client that reaches the address is an administrator"}});
    }
    const bool is_required = loaded.options.auth == config::auth_mode::required;
    log->info("auth_mode_selected", {{"mode", is_required ? "required" : "local"}});
    // Outlives the platform, whose destructor waits for calls to the store.
    start_guard guard(start_grace, callbacks_of_start(*log));
    platform_process platform(loaded.options, *log, reporter->get());
    auto current = loaded;  // the options in use after the last reload
    platform.reloads().add("options", [&] {
        return reload_options(sources, loaded, current, *log, [&](const config::options& changed) {
            return platform.use(changed);
        });
    });
    const auto started = platform.start(guard);
    if (!started) {
        log->error("start_failed", {{"detail", started.error().text}});
        log->flush();
        return 1;
    }
    guard.complete();
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
