#include "app/service.hpp"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "app/app_metrics.hpp"
#include "app/history_store.hpp"
#include "app/idempotency.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/identity/key_registry.hpp"
#include "app/identity/member_registry.hpp"
#include "app/metrics_feed.hpp"
#include "app/metrics_sync.hpp"
#include "app/ownership.hpp"
#include "app/reconciler.hpp"
#include "app/record_failures.hpp"
#include "app/record_feed.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "app/state_counts.hpp"
#include "app/use_cases.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::chrono::seconds status_turn{5};
// The longest time for which this process accepts a key or a role that another one has revoked.
constexpr std::chrono::seconds identity_refresh_interval{1};
constexpr std::chrono::hours operations_kept_for{24 * 7};

class service_impl final : public service, public live_reads, public ports::cluster_observer {
  public:
    service_impl(service_deps deps, service_options options)
        : deps_(deps),
          options_(options),
          probe_(deps.registry),
          cache_(deps.clock, options.metrics_interval),
          records_(deps.store, cache_, deps.clock, deps.log),
          members_({.store = deps.store, .projects = cache_, .clock = deps.clock, .log = deps.log}),
          keys_({.store = deps.store, .members = members_, .clock = deps.clock, .log = deps.log}),
          authenticator_(keys_, deps.clock),
          history_(deps.store, deps.clock, deps.log, probe_,
                   {.retention = options.history_retention}),
          owner_({.leases = deps.leases, .clock = deps.clock, .log = deps.log},
                 {.replica = options.replica}),
          ledger_({.store = deps.store, .records = records_, .cache = cache_, .clock = deps.clock}),
          reconciler_({.executor = deps.executor,
                       .records = records_,
                       .cache = cache_,
                       .cluster = deps.cluster,
                       .clock = deps.clock,
                       .log = deps.log,
                       .probe = probe_,
                       .health = deps.health,
                       .owner = owner_},
                      {.workers = options.reconcile_workers,
                       .operation_timeout = options.provision_timeout}),
          metrics_({.executor = deps.executor,
                    .cache = cache_,
                    .source = deps.metrics,
                    .history = history_,
                    .clock = deps.clock,
                    .log = deps.log,
                    .probe = probe_,
                    .health = deps.health,
                    .owner = owner_,
                    .feed = make_metrics_feed()},
                   {.interval = options.metrics_interval,
                    .timeout = options.metrics_timeout,
                    .concurrency = options.metrics_concurrency}),
          use_cases_({.records = records_,
                      .members = members_,
                      .cache = cache_,
                      .cluster = deps.cluster,
                      .clock = deps.clock,
                      .log = deps.log}),
          loops_(deps.executor) {
        if (options_.anti_entropy_interval > std::chrono::milliseconds(0)) {
            feed_.emplace(
                record_feed::deps{.executor = deps.executor,
                                  .store = deps.store,
                                  .records = records_,
                                  .cache = cache_,
                                  .bus = deps.bus,
                                  .clock = deps.clock,
                                  .log = deps.log},
                record_feed_options{.anti_entropy_interval = options_.anti_entropy_interval,
                                    .anti_entropy_interval_without_bus =
                                        options_.anti_entropy_interval_without_bus});
        }
        owner_.on_change([this](const auto& previous) { on_ownership(previous); });
        cache_.listen({.databases = &reconciler_});
        cache_.listen({.databases = &metrics_});
        deps_.health.set_interval(background::status_sync, status_turn);
        show_background();
        note_bus();
    }

    platform interfaces() noexcept override {
        return {.databases = use_cases_,
                .projects = use_cases_,
                .reads = *this,
                .keys = ledger_,
                .api_keys = keys_,
                .members = members_,
                .state = cache_};
    }

    key_registry& keys() noexcept override { return keys_; }
    const ports::authenticator& authenticator() const noexcept override { return authenticator_; }

    aio::task<> load() override {
        auto loaded = co_await records_.load();
        if (loaded) loaded = co_await members_.load();
        if (loaded) loaded = co_await keys_.load();
        if (!loaded) co_return base::pass(std::move(loaded), "read the platform's records");
        // The process may have ended between the end of a record and that of its history.
        for (const auto& id : cache_.removed_databases()) history_.forget(id);
        if (cache_.is_empty()) {  // a later deletion of it is intended
            auto project = co_await records_.put_project(
                {.name = "default", .display_name = "Default project"});
            if (!project && project.error().code != errc::conflict)
                co_return base::pass(std::move(project));
        }
        if (metrics_feed_) {
            auto read = co_await metrics_feed_->read();
            if (!read) co_return base::pass(std::move(read));
        }
        note_store();
        co_return base::ok();
    }

    aio::task<> run() override {
        loops_.spawn(owner_.run());
        if (metrics_feed_) loops_.spawn(metrics_feed_->run());
        loops_.spawn(deps_.cluster.run(*this));
        loops_.spawn(reconciler_.run());
        loops_.spawn(metrics_.run());
        if (feed_) {
            loops_.spawn(feed_->run());
            loops_.spawn(every(identity_refresh_interval, [this] { return refresh_identity(); }));
        }
        loops_.spawn(every(std::chrono::seconds(1), [this] { return update_readiness(); }));
        loops_.spawn(every(status_turn, [this] { return records_.resolve_unconfirmed(); }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return history_.flush(false); }));
        loops_.spawn(every(std::chrono::minutes(10), [this] { return purge(); }));
        co_await aio::until_cancelled();
        loops_.cancel();
        co_await loops_.join();
        deps_.health.stopped(background::status_sync);
        co_return base::fail(errc::cancelled, "the platform's loops were stopped");
    }

    // The other replicas take over after the release.
    aio::task<> close() override {
        auto flushed = co_await history_.flush(true);
        if (metrics_feed_) {
            auto written = co_await metrics_feed_->flush();
            if (!written && flushed) flushed = written;
        }
        auto released = co_await owner_.release();
        if (!released) {
            deps_.log.warning("replica_lease_not_released", {{"detail", released.error().text}});
        }
        co_return flushed;
    }

    // ---- reports of the cluster ------------------------------------------------------

    void on_observed(const ports::database_key& key,
                     std::shared_ptr<const domain::observed_database> state) override {
        cache_.set_observed(key, std::move(state));
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue> offer) override {
        cache_.set_catalogue(std::move(offer));
    }
    void on_sync_state(ports::sync_state state) override {
        deps_.log.info("cluster_sync_state",
                       {{"state", state == ports::sync_state::synced     ? "synced"
                                  : state == ports::sync_state::starting ? "starting"
                                                                         : "disconnected"}});
        if (state != ports::sync_state::synced) return;
        deps_.health.progressed(background::status_sync, deps_.clock.now());
        if (cache_.is_cluster_known()) return;
        cache_.set_cluster_known();
        // The reconciler could not decide anything before.
        for (const auto& [id, entry] : cache_.databases()) reconciler_.enqueue(id);
    }

    // ---- reads -----------------------------------------------------------------------

    aio::task<ports::credentials> read_credentials(std::string id, caller client) override {
        auto* database = cache_.find(id);
        if (database == nullptr) {
            co_return no_such_database(id);
        }
        auto credentials = co_await deps_.cluster.read_credentials(*database->record);
        deps_.log.info("credentials_read",
                       {{"database_id", id},
                        {"subject", client.subject},
                        {"request_id", client.request_id},
                        {"result", credentials ? "ok" : base::name(credentials.error().code)}});
        if (credentials) probe_.credentials_read.add();
        co_return credentials;
    }

    aio::task<history_points> read_history(history_request request) override {
        if (cache_.find(request.database_id) == nullptr) {
            co_return no_such_database(request.database_id);
        }
        // The owner writes rows that this process does not see.
        if (!owner_.owns(request.database_id)) history_.unload(request.database_id);
        co_return co_await history_.read(std::move(request));
    }

  private:
    // Samples are shared if other processes read the store.
    metrics_feed* make_metrics_feed() {
        if (options_.anti_entropy_interval == std::chrono::milliseconds(0)) return nullptr;
        return &metrics_feed_.emplace(metrics_feed::deps{.store = deps_.store,
                                                         .cache = cache_,
                                                         .owner = owner_,
                                                         .clock = deps_.clock,
                                                         .log = deps_.log},
                                      metrics_feed_options{});
    }

    // Takes over the databases that this replica owns now, and hands over the others.
    void on_ownership(const std::vector<std::string>& previous) {
        std::vector<std::string> lost;
        for (const auto& [id, database] : cache_.databases()) {
            const bool was_owned = owner_.owned_among(id, previous);
            const bool is_owned = owner_.owns(id);
            if (is_owned && !was_owned) {
                history_.unload(id);  // the previous owner has written newer rows
                reconciler_.enqueue(id);
            }
            if (was_owned && !is_owned) lost.push_back(id);
        }
        metrics_.on_ownership();
        if (!lost.empty()) loops_.spawn(hand_over(std::move(lost)));
    }
    aio::task<> hand_over(std::vector<std::string> lost) {
        auto flushed = co_await history_.flush(true);
        for (const auto& id : lost) {
            if (!owner_.owns(id)) history_.unload(id);
        }
        if (!flushed)
            deps_.log.warning("history_not_handed_over", {{"detail", flushed.error().text}});
        co_return base::ok();
    }

    // Runs a periodic task. Failures are logged, and the next turn tries again.
    aio::task<> every(std::chrono::nanoseconds period, std::function<aio::task<>()> turn) {
        return aio::periodic({.period = period,
                              .first_delay = period,
                              .on_failure =
                                  [this](const base::failure& failure) {
                                      deps_.log.warning("housekeeping_failed",
                                                        {{"code", base::name(failure.code)},
                                                         {"detail", failure.text}});
                                  },
                              .clock = &deps_.clock},
                             std::move(turn));
    }

    aio::task<> refresh_identity() {
        auto refreshed = co_await keys_.refresh();
        if (!refreshed) co_return refreshed;
        co_return co_await members_.refresh();
    }

    void note_store() {
        const auto good =
            options_.store_is_embedded ? component_state::embedded : component_state::connected;
        deps_.health.set_store(deps_.store.is_connected() ? good : component_state::disconnected);
    }

    void note_bus() {
        deps_.health.set_bus(deps_.bus == nullptr        ? component_state::embedded
                             : deps_.bus->is_connected() ? component_state::connected
                                                         : component_state::disconnected);
    }

    // The board consists of atomics, so that any thread can serve /metrics.
    void show_background() {
        for (std::size_t index = 0; index < std::size_t(background::count_); ++index) {
            const auto task = background(index);
            const obs::label_list labels{{"task", std::string(name(task))}};
            deps_.registry.make_callback_gauge(
                "dbaas_background_running", "1 while the background task makes progress.", labels,
                [&board = deps_.health, &clock = deps_.clock, task] {
                    return board.state(task, clock.now()) == component_state::running ? 1.0 : 0.0;
                });
            deps_.registry.make_callback_gauge(
                "dbaas_background_progress_age_seconds",
                "Seconds since the last progress of the background task; NaN before the first.",
                labels, [&board = deps_.health, &clock = deps_.clock, task] {
                    const auto last = board.last_progress(task);
                    if (last == base::steady_time::min()) {
                        return std::numeric_limits<double>::quiet_NaN();
                    }
                    return std::chrono::duration<double>(clock.now() - last).count();
                });
        }
    }

    // Updates readiness and the platform's own metrics.
    aio::task<> update_readiness() {
        note_store();
        note_bus();
        if (deps_.cluster.state() == ports::sync_state::synced) {
            deps_.health.progressed(background::status_sync, deps_.clock.now());
        }
        probe_.replicas.set(static_cast<double>(owner_.replicas()));
        probe_.counted(count_states(cache_, deps_.clock.utc_now(), options_.provision_timeout));
        co_return base::ok();
    }

    aio::task<> purge() {
        auto purged = co_await ledger_.purge();
        if (purged) purged = co_await keys_.purge(deps_.clock.utc_now() - key_registry::retention);
        if (!purged) co_return purged;
        co_return co_await records_.purge_operations(deps_.clock.utc_now() - operations_kept_for);
    }

    service_deps deps_;
    service_options options_;
    app::probe probe_;
    state_cache cache_;
    record_repository records_;
    member_registry members_;
    key_registry keys_;
    key_authenticator authenticator_;
    history_store history_;
    ownership owner_;
    std::optional<metrics_feed> metrics_feed_;  // before metrics_, which refers to it
    idempotency_ledger ledger_;
    reconciler reconciler_;
    metrics_sync metrics_;
    use_cases use_cases_;
    std::optional<record_feed> feed_;
    aio::task_group loops_;
};

}  // namespace

std::unique_ptr<service> make_service(service_deps deps, service_options options) {
    return std::make_unique<service_impl>(deps, options);
}

}  // namespace app
