#include "app/reconciler.hpp"

#include <algorithm>
#include <utility>

#include "app/operation_trace.hpp"
#include "domain/operation_lifecycle.hpp"

namespace app {
namespace {

using base::errc;
using domain::action_kind;

// Steps that one worker takes for one database before it lets others go first.
constexpr int steps_max = 8;
constexpr std::chrono::seconds idle_turn{5};

}  // namespace

reconciler::reconciler(deps deps, reconcile_options options)
    : deps_(deps),
      options_(options),
      workers_(deps.executor, deps.clock,
               {.workers_max = options.workers,
                .turn_period = idle_turn,
                .on_turn = [this] { report_progress(); },
                .on_failure = [this](const std::string& id,
                                     const base::failure& error) { log_failure(id, error); }},
               [this](std::string id) { return reconcile(std::move(id)); }) {
    deps_.health.set_interval(background::reconcile, idle_turn);
}

void reconciler::on_database(std::shared_ptr<const database_view> view, change delta) {
    if (delta.record) ages_.note(*view->record, deps_.clock.now());
    if (!delta.record && !delta.status) return;
    // The worker continues after its own writes.
    if (delta.record && delta.origin == record_origin::reconciler) return;
    enqueue(view->record->id);
}

void reconciler::enqueue(const std::string& id) {
    workers_.add(id);
}

void reconciler::on_database_deleted(std::shared_ptr<const database_view> last) {
    workers_.forget_failures(last->record->id);
    ages_.forget(last->record->id);
}

aio::task<> reconciler::run() {
    auto result = co_await workers_.run();
    deps_.health.stopped(background::reconcile);
    co_return result;
}

void reconciler::report_progress() {
    deps_.health.progressed(background::reconcile, deps_.clock.now());
    deps_.probe.reconcile_waiting.set(static_cast<double>(workers_.queued()));
    deps_.probe.reconcile_in_work.set(static_cast<double>(workers_.processing()));
}

void reconciler::log_failure(const std::string& id, const base::failure& error) {
    deps_.log.warning("reconcile_failed", {{"database_id", id},
                                           {"code", base::name(error.code)},
                                           {"reason", error.reason},
                                           {"detail", error.text}});
}

domain::decide_context reconciler::context_of(const database_state& database,
                                              const domain::database& record) const {
    return {.now = deps_.clock.utc_now(),
            .awaiting_first_observation = deps_.cache.awaits_first_observation(database),
            .operation_age = ages_.age(record, deps_.clock.now()),
            .operation_timeout = options_.operation_timeout};
}

// The decision belongs to the record as it was written.
aio::task<domain::decision> reconciler::decide_and_write(std::string id) {
    domain::decision decision;
    auto written = co_await deps_.records.update(
        id,
        [this, &decision, id](const domain::database& newest) -> base::outcome<domain::database> {
            const auto* database = deps_.cache.find(id);
            if (database == nullptr) return newest;
            const auto observed = deps_.cache.observed_of(*database);
            decision = domain::decide(newest, observed.get(), context_of(*database, newest));
            return decision.record;
        },
        record_origin::reconciler);
    if (!written) co_return base::pass(std::move(written));
    decision.record = **written;
    co_return decision;
}

aio::task<aio::requeue_after> reconciler::reconcile(std::string id) {
    for (int step = 0; step < steps_max; ++step) {
        // The service enqueues the databases of a replica that has become their owner.
        if (!deps_.owner.owns(id)) co_return aio::requeue_after();
        if (deps_.cache.find(id) == nullptr) co_return aio::requeue_after();
        auto decision = co_await decide_and_write(id);
        if (!decision) {
            if (decision.error().code == errc::not_found) co_return aio::requeue_after();
            co_return base::pass(std::move(decision));
        }
        const auto action = decision->next;
        if (action.kind == action_kind::none) {
            if (decision->record_changed) continue;  // decide again from the new record
            co_return aio::requeue_after(decision->again_in);
        }
        if (action.kind == action_kind::remove_record) {
            auto forgotten = co_await deps_.records.forget(id);
            deps_.probe.action(action.kind, forgotten ? "ok" : "retry");
            if (forgotten) deps_.log.info("database_removed", {{"database_id", id}});
            if (!forgotten) co_return base::pass(forgotten);
            co_return aio::requeue_after();
        }
        auto acted = co_await act_in_span(decision->record, action);
        if (!acted) co_return co_await note_failure(id, action, acted.error());
        deps_.probe.action(action.kind, "ok");
        const auto& end = *acted;
        auto noted = co_await deps_.records.update(
            id,
            [this, id, action,
             end](const domain::database& newest) -> base::outcome<domain::database> {
                const auto* database = deps_.cache.find(id);
                if (database == nullptr) return newest;
                return domain::after_success(newest, action, end.created_uid, end.is_absent,
                                             context_of(*database, newest));
            },
            record_origin::reconciler);
        if (!noted) co_return base::pass(std::move(noted), "note what was done");
        // No further action is possible until the cluster has reacted.
        if (action.kind == action_kind::remove_object && end.is_absent) continue;
        const auto again = decision->again_in.value_or(std::chrono::seconds(5));
        co_return aio::requeue_after(again);
    }
    co_return aio::requeue_after(std::chrono::seconds(1));
}

aio::task<reconciler::done_action> reconciler::act_in_span(domain::database record,
                                                           domain::action action) {
    obs::active_span span(deps_.tracer, deps_.clock, active_context(record),
                          {.name = "reconcile", .object = name(action.kind)});
    span.add("dbaas.database_id", record.id);
    if (span.is_active()) {  // the parent of the calls of the cluster
        domain::active_operation(record)->traceparent = obs::to_traceparent(span.context());
    }
    const auto id = record.id;
    auto result = co_await act(std::move(record), action);
    if (!result) span.fail(base::name(result.error().code));
    deps_.log.debug("reconcile_step",
                    {{"database_id", id},
                     {"action", name(action.kind)},
                     {"result", result ? "ok" : base::name(result.error().code)}});
    co_return result;
}

aio::task<reconciler::done_action> reconciler::act(domain::database record, domain::action action) {
    done_action result;
    switch (action.kind) {
        case action_kind::create_object: {
            auto project = deps_.cache.project(record.project);
            const auto owner = project ? *project : domain::project{.name = record.project};
            const auto* const active = domain::active_operation(record);
            auto ensured = co_await deps_.cluster.ensure_project(
                owner, active == nullptr ? std::string() : active->traceparent);
            if (!ensured)
                co_return base::pass(std::move(ensured), "prepare the project's namespace");
            auto* database = deps_.cache.find(record.id);
            if (database != nullptr)
                deps_.cache.expect_first_observation(*database, options_.first_observation);
            auto created = co_await deps_.cluster.create(record);
            if (!created) co_return base::pass(std::move(created));
            result.created_uid = std::move(*created);
            database = deps_.cache.find(record.id);
            const bool is_seen = database != nullptr && database->observed &&
                                 database->observed->exists &&
                                 database->observed->uid == result.created_uid;
            if (database != nullptr) {
                deps_.cache.expect_first_observation(
                    *database, is_seen ? std::chrono::seconds(0) : options_.first_observation);
            }
            break;
        }
        case action_kind::update_object: {
            auto updated = co_await deps_.cluster.update(record);
            if (!updated) co_return base::pass(std::move(updated));
            break;
        }
        case action_kind::request_change: {
            auto requested =
                co_await deps_.cluster.request_change(record, action.change, action.operation_id);
            if (!requested) co_return base::pass(std::move(requested));
            break;
        }
        case action_kind::remove_object: {
            auto removal = co_await deps_.cluster.remove(record);
            if (!removal) co_return base::pass(std::move(removal));
            result.is_absent = *removal;
            break;
        }
        case action_kind::none:
        case action_kind::remove_record:
            break;
    }
    co_return result;
}

aio::task<aio::requeue_after> reconciler::note_failure(std::string id, domain::action tried,
                                                       base::failure failure) {
    bool retry = false;
    auto noted = co_await deps_.records.update(
        id,
        [this, id, tried, failure,
         &retry](const domain::database& newest) -> base::outcome<domain::database> {
            const auto* database = deps_.cache.find(id);
            if (database == nullptr) return newest;
            const auto observed = deps_.cache.observed_of(*database);
            auto failed = domain::after_failure(newest, observed.get(), tried, failure,
                                                context_of(*database, newest));
            retry = failed.retry;
            return std::move(failed.record);
        },
        record_origin::reconciler);
    deps_.probe.action(tried.kind, retry ? "retry" : "failed");
    if (!noted) co_return base::pass(std::move(noted), "note what failed");
    if (retry) co_return std::unexpected(failure);
    deps_.log.warning("operation_failed", {{"database_id", id},
                                           {"action", name(tried.kind)},
                                           {"code", base::name(failure.code)},
                                           {"reason", failure.reason},
                                           {"detail", failure.text}});
    co_return aio::requeue_after(std::chrono::seconds(0));
}

}  // namespace app
