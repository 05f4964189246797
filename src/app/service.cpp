#include "app/service.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "app/app_metrics.hpp"
#include "app/history_store.hpp"
#include "app/idempotency.hpp"
#include "app/identity/bearer_authenticator.hpp"
#include "app/identity/ended_sessions.hpp"
#include "app/identity/identity_registries.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/identity/session_manager.hpp"
#include "app/identity/signing_keys.hpp"
#include "app/identity/token_authenticator.hpp"
#include "app/identity/used_logins.hpp"
#include "app/metrics_feed.hpp"
#include "app/metrics_sync.hpp"
#include "app/ownership.hpp"
#include "app/reconciler.hpp"
#include "app/record_collection.hpp"
#include "app/record_failures.hpp"
#include "app/record_feed.hpp"
#include "app/record_repository.hpp"
#include "app/schedule_runner.hpp"
#include "app/state_cache.hpp"
#include "app/state_counts.hpp"
#include "app/store_reads.hpp"
#include "app/use_cases.hpp"
#include "base/random_id.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::chrono::seconds status_turn{5};
constexpr std::chrono::hours operations_kept_for{24 * 7};

class service_impl final : public service, public live_reads, public ports::cluster_observer {
  public:
    service_impl(service_deps deps, service_options options)
        : deps_(deps),
          options_(options),
          probe_(deps.registry),
          cache_(deps.clock, options.metrics_interval),
          records_(deps.store, cache_, deps.clock, deps.log, deps.tracer),
          passwords_(options.passwords),
          identity_({.store = deps.store,
                     .projects = cache_,
                     .passwords = passwords_,
                     .clock = deps.clock,
                     .log = deps.log,
                     .sealer = options.signing.sealer,
                     .key_policy = options.api_keys,
                     .has_replicas = options.anti_entropy_interval > std::chrono::milliseconds(0)}),
          signing_keys_(
              signing_keys::make({.store = deps.store, .clock = deps.clock, .log = deps.log},
                                 options.signing)
                  .value()),
          ended_sessions_(deps.store, deps.clock),
          store_reads_(
              {.store = deps.store,
               .clock = deps.clock,
               .databases = databases_,
               .projects = projects_,
               .registries = identity_,
               .ended = ended_sessions_,
               .has_replicas = options.anti_entropy_interval > std::chrono::milliseconds(0)}),
          used_logins_(deps.store, deps.clock),
          sessions_({.store = deps.store,
                     .users = identity_.users,
                     .passwords = passwords_,
                     .keys = *signing_keys_,
                     .ended = ended_sessions_,
                     .clock = deps.clock,
                     .log = deps.log}),
          key_authenticator_(identity_.keys, deps.clock, &identity_.keys.moves()),
          token_authenticator_({.users = identity_.users,
                                .keys = *signing_keys_,
                                .ended = ended_sessions_,
                                .clock = deps.clock}),
          authenticator_(key_authenticator_, token_authenticator_),
          history_(deps.store, deps.clock, deps.log, probe_,
                   {.retention = options.history_retention}),
          owner_({.leases = deps.leases, .clock = deps.clock, .log = deps.log},
                 {.replica = options.replica}),
          ledger_(make_ledger_deps()),
          reconciler_({.executor = deps.executor,
                       .records = records_,
                       .cache = cache_,
                       .cluster = deps.cluster,
                       .clock = deps.clock,
                       .log = deps.log,
                       .probe = probe_,
                       .health = deps.health,
                       .owner = owner_,
                       .tracer = deps.tracer},
                      {.workers = options.reconcile_workers,
                       .operation_timeout = options.provision_timeout}),
          metrics_({.executor = deps.executor,
                    .cache = cache_,
                    .source = deps.metrics,
                    .history = history_,
                    .clock = deps.clock,
                    .log = deps.scrape_log == nullptr ? deps.log : *deps.scrape_log,
                    .probe = probe_,
                    .health = deps.health,
                    .owner = owner_,
                    .feed = make_metrics_feed(),
                    .tracer = deps.tracer},
                   {.interval = options.metrics_interval,
                    .timeout = options.metrics_timeout,
                    .concurrency = options.metrics_concurrency}),
          usage_({.store = deps.store,
                  .cache = cache_,
                  .clock = deps.clock,
                  .is_shared = options.anti_entropy_interval > std::chrono::milliseconds(0)}),
          use_cases_({.records = records_,
                      .members = identity_.members,
                      .cache = cache_,
                      .usage = usage_,
                      .cluster = deps.cluster,
                      .clock = deps.clock,
                      .log = deps.log}),
          audit_({.executor = deps.executor,
                  .store = deps.store,
                  .clock = deps.clock,
                  .log = deps.log,
                  .registry = deps.registry,
                  .export_log = deps.audit_export},
                 {.retention = options.audit_retention,
                  .store_is_shared = !options.store_is_embedded,
                  .sealer = options.signing.sealer}),
          schedules_({.executor = deps.executor,
                      .records = records_,
                      .cache = cache_,
                      .audit = audit_,
                      .clock = deps.clock,
                      .log = deps.log,
                      .probe = probe_,
                      .owner = owner_}),
          log_levels_({.executor = deps.executor,
                       .bus = deps.bus,
                       .clock = deps.clock,
                       .log = deps.log,
                       .probe = probe_,
                       .apply = deps.apply_log_levels},
                      options.log_levels, options.replica),
          loops_(deps.executor) {
        if (options_.anti_entropy_interval > std::chrono::milliseconds(0)) {
            feed_.emplace(
                record_feed::deps{
                    .executor = deps.executor,
                    .store = deps.store,
                    .collections = {&projects_, &operations_, &databases_,
                                    &identity_.roles.collection(), &identity_.members.collection(),
                                    &identity_.users.collection(), &identity_.accounts.collection(),
                                    &identity_.digests.collection(), &identity_.keys.collection(),
                                    &identity_.keys.uses().collection(),
                                    &identity_.rules.collection(), &ended_sessions_.collection()},
                    .bus = deps.bus,
                    .clock = deps.clock,
                    .log = deps.log,
                    .probe = probe_},
                record_feed_options{.anti_entropy_interval = options_.anti_entropy_interval,
                                    .anti_entropy_interval_without_bus =
                                        options_.anti_entropy_interval_without_bus});
        }
        records_.on_operation_ended([this](const domain::operation& ended) {
            probe_.operation_ended(ended.kind, ended.phase);
        });
        owner_.on_change([this](const auto& previous) { on_ownership(previous); });
        cache_.listen({.databases = &reconciler_});
        cache_.listen({.databases = &metrics_});
        cache_.listen({.databases = &schedules_});
        deps_.health.set_interval(background::status_sync, status_turn);
        show_background();
        note_bus();
    }

    platform interfaces() noexcept override {
        return {.databases = use_cases_,
                .projects = use_cases_,
                .reads = *this,
                .keys = ledger_,
                .api_keys = identity_.keys,
                .members = identity_.members,
                .users = identity_.users,
                .sessions = sessions_,
                .roles = identity_.roles,
                .service_accounts = identity_.account_manager,
                .used_logins = used_logins_,
                .group_rules = identity_.rules,
                .state = cache_,
                .audit = audit_,
                .log_levels = log_levels_};
    }

    key_registry& keys() noexcept override { return identity_.keys; }
    signing_keys& signing() noexcept override { return *signing_keys_; }
    user_registry& users() noexcept override { return identity_.users; }
    audit_trail& audit() noexcept override { return audit_; }
    log_level_control& log_levels() noexcept override { return log_levels_; }
    const ports::authenticator& authenticator() const noexcept override { return authenticator_; }

    aio::task<> load() override {
        auto loaded = co_await records_.load();
        if (loaded) loaded = co_await identity_.load();
        if (loaded) loaded = co_await ended_sessions_.load();
        if (loaded) loaded = co_await signing_keys_->refresh();
        if (loaded) loaded = co_await identity_.digests.load();
        if (loaded) loaded = co_await audit_.load();
        // A new secret needs a digest that is accepted.
        if (loaded && !identity_.keys.accepts_bare_digests()) {
            loaded = co_await identity_.digests.add_first();
        }
        if (!loaded) co_return base::pass(std::move(loaded), "read the platform's records");
        // The process may have ended between the end of a record and that of its history.
        for (const auto& id : cache_.removed_databases()) history_.forget(id);
        if (cache_.is_empty()) {  // a later deletion of it is intended
            auto project = co_await records_.put_project(
                {.name = "default", .display_name = "Default project"});
            if (!project && project.error().code != errc::conflict)
                co_return base::pass(std::move(project));
            // No replica of a release before has keys of this store.
            if (identity_.keys.keys()->empty()) {
                auto added = co_await identity_.digests.add_first();
                if (!added) co_return added;
            }
        }
        if (metrics_feed_) {
            auto read = co_await metrics_feed_->read();
            if (!read) co_return base::pass(std::move(read));
        }
        note_store();
        co_return base::ok();
    }

    aio::task<> run() override {
        loops_.spawn(audit_.run());
        loops_.spawn(log_levels_.run());
        loops_.spawn(owner_.run());
        if (metrics_feed_) loops_.spawn(metrics_feed_->run());
        loops_.spawn(deps_.cluster.run(*this));
        loops_.spawn(reconciler_.run());
        loops_.spawn(metrics_.run());
        loops_.spawn(schedules_.run());
        if (feed_) loops_.spawn(feed_->run());
        loops_.spawn(every(std::chrono::seconds(1), [this] { return update_readiness(); }));
        loops_.spawn(every(status_turn, [this] {
            count_owned();
            return records_.resolve_unconfirmed();
        }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return history_.flush(false); }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return signing_keys_->refresh(); }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return keep_digests(); }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return keep_uses(); }));
        loops_.spawn(every(std::chrono::seconds(60), [this] { return audit_.sweep(); }));
        loops_.spawn(identity_.rules.run_once());
        loops_.spawn(every(std::chrono::minutes(1), [this] { return identity_.rules.run_once(); }));
        loops_.spawn(every(std::chrono::minutes(10), [this] { return purge(); }));
        co_await aio::until_cancelled();
        loops_.cancel();
        co_await loops_.join();
        deps_.health.stopped(background::status_sync);
        co_return base::fail(errc::cancelled, "the platform's loops were stopped");
    }

    // The other replicas take over after the release.
    aio::task<> close() override {
        auto audited = co_await audit_.close();
        if (!audited) deps_.log.error("audit_not_written", {{"detail", audited.error().text}});
        auto flushed = co_await history_.flush(true);
        if (flushed) flushed = co_await identity_.keys.uses().flush(true);
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
        deps_.log.info("status_sync_state",
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

    aio::task<> wait_for(awaited_record record) override {
        return store_reads_.wait_for(std::move(record));
    }
    aio::task<> read_caller(shared_principal caller) override {
        return store_reads_.read_for_write(std::move(caller), {});
    }
    aio::task<> read_for_write(shared_principal caller, written_object object) override {
        return store_reads_.read_for_write(std::move(caller), std::move(object));
    }

    aio::task<ports::credentials> read_credentials(std::string id, caller client) override {
        auto* database = cache_.find(id);
        if (database == nullptr) {
            co_return no_such_database(id);
        }
        obs::active_span span(deps_.tracer, deps_.clock, client.trace,
                              {.name = "read_credentials", .object = database->record->engine});
        span.add("dbaas.database_id", id);
        auto credentials = co_await deps_.cluster.read_credentials(
            *database->record,
            span.is_active() ? obs::to_traceparent(span.context()) : std::string());
        if (!credentials) span.fail(base::name(credentials.error().code));
        deps_.log.info("credentials_read",
                       {{"database_id", id},
                        {"subject", client.subject},
                        {"request_id", client.request_id},
                        obs::trace_field(client.trace).value(),
                        {"result", credentials ? "ok" : base::name(credentials.error().code)}});
        if (credentials) probe_.credentials_read.add();
        co_return credentials;
    }

    aio::task<history_points> read_history(history_request request) override {
        if (cache_.find(request.database_id) == nullptr) {
            co_return no_such_database(request.database_id);
        }
        // The owner writes rows that this process does not see.
        const auto id = request.database_id;
        if (!owner_.owns(id)) history_.unload(id);
        auto points = co_await history_.read(std::move(request));
        if (!owner_.owns(id)) history_.unload(id);  // only the owner stores rows
        co_return points;
    }

  private:
    // Samples are shared if other processes read the store.
    metrics_feed* make_metrics_feed() {
        if (options_.anti_entropy_interval == std::chrono::milliseconds(0)) return nullptr;
        return &metrics_feed_.emplace(
            metrics_feed::deps{.executor = deps_.executor,
                               .store = deps_.store,
                               .cache = cache_,
                               .history = history_,
                               .owner = owner_,
                               .bus = deps_.bus,
                               .clock = deps_.clock,
                               .log = deps_.log,
                               .probe = probe_},
            metrics_feed_options{.order_timeout = options_.metrics_interval * 3 / 2,
                                 .replica = options_.replica});
    }

    idempotency_ledger::deps make_ledger_deps() {
        idempotency_ledger::deps result{
            .store = deps_.store, .records = records_, .cache = cache_, .clock = deps_.clock};
        if (options_.anti_entropy_interval == std::chrono::milliseconds(0)) return result;
        result.replica = options_.replica.empty() ? base::random_id("r-") : options_.replica;
        result.compare_records = [this] { return feed_->compare(); };
        return result;
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
                schedules_.enqueue(id);
                probe_.takeovers.add();
            }
            if (was_owned && !is_owned) lost.push_back(id);
        }
        metrics_.on_ownership();
        probe_.handovers.add(lost.size());
        count_owned();
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

    // Runs a periodic task. The first of equal failures is logged, and the next turn tries again.
    aio::task<> every(std::chrono::nanoseconds period, std::function<aio::task<>()> turn) {
        const auto known = std::make_shared<std::string>();  // the failure of the last turn
        return aio::periodic({.period = period,
                              .first_delay = period,
                              .on_failure =
                                  [this, known](const base::failure& failure) {
                                      if (std::exchange(*known, failure.text) == failure.text) {
                                          return;
                                      }
                                      deps_.log.warning("housekeeping_failed",
                                                        {{"code", base::name(failure.code)},
                                                         {"detail", failure.text}});
                                  },
                              .clock = &deps_.clock},
                             [turn = std::move(turn), known] { return run_turn(turn(), known); });
    }
    static aio::task<> run_turn(aio::task<> turn, std::shared_ptr<std::string> known_failure) {
        auto result = co_await std::move(turn);
        if (result) known_failure->clear();
        co_return result;
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

    void count_owned() {
        std::size_t owned = 0;
        std::size_t wanted = 0;
        for (const auto& [id, database] : cache_.databases()) {
            if (!owner_.wants(id)) continue;
            ++wanted;
            if (owner_.owns(id)) ++owned;
        }
        probe_.replicas.set(static_cast<double>(owner_.replicas()));
        probe_.databases_owned.set(static_cast<double>(owned));
        probe_.databases_wanted.set(static_cast<double>(wanted));
    }

    // Updates readiness and the platform's own metrics.
    aio::task<> update_readiness() {
        note_store();
        note_bus();
        if (deps_.cluster.state() == ports::sync_state::synced) {
            deps_.health.progressed(background::status_sync, deps_.clock.now());
        }
        probe_.replicas.set(static_cast<double>(owner_.replicas()));
        deps_.health.set_replicas(owner_.replicas());
        const auto compared = feed_ ? feed_->last_compared() : std::nullopt;
        probe_.anti_entropy_age_seconds.set(
            compared ? std::chrono::duration<double>(deps_.clock.now() - *compared).count()
                     : std::numeric_limits<double>::quiet_NaN());
        probe_.counted(count_states(cache_, deps_.clock.utc_now(), options_.provision_timeout));
        co_return base::ok();
    }

    // A store of one process has no other readers.
    [[nodiscard]] bool replicas_read_keyed_digests() const {
        if (deps_.leases == nullptr) return options_.store_is_embedded;
        const auto& holders = owner_.holders();
        return !holders.empty() && std::ranges::all_of(holders, reads_keyed_digests);
    }
    aio::task<> keep_digests() {
        auto result = co_await identity_.digests.refresh(replicas_read_keyed_digests());
        if (result) result = co_await identity_.keys.upgrade_digests();
        co_return result;
    }

    aio::task<> keep_uses() {
        const auto compared = feed_ ? feed_->last_compared() : deps_.clock.now();
        if (compared) {
            const auto age = deps_.clock.now() - *compared;
            identity_.keys.set_uses_known_until(deps_.clock.utc_now() -
                                                std::chrono::ceil<base::instant::duration>(age));
        }
        co_return co_await identity_.keys.uses().flush(false);
    }

    aio::task<> purge() {
        auto purged = co_await ledger_.purge();
        if (purged)
            purged = co_await identity_.keys.purge(deps_.clock.utc_now() - key_registry::retention);
        if (purged) purged = co_await sessions_.purge();
        if (purged) purged = co_await used_logins_.purge();
        if (purged) purged = co_await audit_.purge();
        if (!purged) co_return purged;
        co_return co_await records_.purge_operations(deps_.clock.utc_now() - operations_kept_for);
    }

    service_deps deps_;
    service_options options_;
    app::probe probe_;
    state_cache cache_;
    record_repository records_;
    record_collection projects_{record_kind::project, records_, cache_};
    record_collection operations_{record_kind::operation, records_, cache_};
    record_collection databases_{record_kind::database, records_, cache_};
    password_pool passwords_;
    identity_registries identity_;
    std::unique_ptr<signing_keys> signing_keys_;
    ended_sessions ended_sessions_;
    store_reads store_reads_;
    used_logins used_logins_;
    session_manager sessions_;
    key_authenticator key_authenticator_;
    token_authenticator token_authenticator_;
    bearer_authenticator authenticator_;
    history_store history_;
    ownership owner_;
    std::optional<metrics_feed> metrics_feed_;  // before metrics_, which refers to it
    idempotency_ledger ledger_;
    reconciler reconciler_;
    metrics_sync metrics_;
    usage_ledger usage_;
    use_cases use_cases_;
    std::optional<record_feed> feed_;
    audit_trail audit_;
    schedule_runner schedules_;
    log_level_control log_levels_;
    aio::task_group loops_;
};

}  // namespace

std::unique_ptr<service> make_service(service_deps deps, service_options options) {
    return std::make_unique<service_impl>(deps, options);
}

}  // namespace app
