#include "app/schedule_runner.hpp"

#include <algorithm>

#include "app/audit/audit_chain.hpp"
#include "base/random_id.hpp"
#include "base/time_text.hpp"

namespace app {
namespace {

using base::errc;
using domain::edge_outcome;
using domain::schedule_action;

constexpr std::size_t workers_max = 16;
// After a step of the wall clock, an edge is at most this late.
constexpr base::instant::duration wait_max = std::chrono::seconds(60);

constexpr std::chrono::seconds lease_wait{5};

constexpr unsigned accepted = 202;
constexpr unsigned conflict = 409;
constexpr unsigned unavailable = 503;

std::string_view result_of(edge_outcome outcome) noexcept {
    switch (outcome) {
        case edge_outcome::begun:
            return "ok";
        case edge_outcome::unchanged:
            return "unchanged";
        case edge_outcome::rejected:
            return "rejected";
        case edge_outcome::waits:
            break;
    }
    return "waits";
}

}  // namespace

schedule_runner::schedule_runner(deps deps)
    : deps_(deps),
      wake_(deps.executor, deps.clock),
      workers_(deps.executor, deps.clock,
               {.workers_max = workers_max,
                .on_failure =
                    [this](const std::string& id, const base::failure& error) {
                        deps_.log.warning("schedule_not_applied", {{"database_id", id},
                                                                   {"code", base::name(error.code)},
                                                                   {"detail", error.text}});
                    }},
               [this](std::string id) { return apply(std::move(id)); }) {}

void schedule_runner::on_database(std::shared_ptr<const database_view> view, change delta) {
    if (!delta.record) return;
    const auto& record = *view->record;
    if (!record.schedule || record.deleted) return forget(record.id);
    const auto now = deps_.clock.utc_now();
    plan(record.id, domain::next_edge(*record.schedule, now).time);
    if (domain::due_edge(record, now)) workers_.add(record.id);
}

void schedule_runner::on_database_deleted(std::shared_ptr<const database_view> last) {
    forget(last->record->id);
    workers_.forget_failures(last->record->id);
}

void schedule_runner::enqueue(const std::string& id) {
    if (planned_.contains(id)) workers_.add(id);
}

void schedule_runner::plan(const std::string& id, base::instant when) {
    const auto [it, is_new] = planned_.try_emplace(id, when);
    if (!is_new) {
        if (it->second == when) return;
        due_.erase({it->second, id});
        it->second = when;
    }
    const auto place = due_.emplace(when, id).first;
    if (place == due_.begin()) wake_.notify();
}

void schedule_runner::forget(const std::string& id) {
    const auto it = planned_.find(id);
    if (it == planned_.end()) return;
    due_.erase({it->second, id});
    planned_.erase(it);
}

void schedule_runner::take_due() {
    const auto now = deps_.clock.utc_now();
    while (!due_.empty() && due_.begin()->first <= now) {
        const auto id = due_.begin()->second;
        const auto* database = deps_.cache.find(id);
        if (database == nullptr || !database->record->schedule) {
            forget(id);
            continue;
        }
        plan(id, domain::next_edge(*database->record->schedule, now).time);
        workers_.add(id);
    }
}

aio::task<> schedule_runner::run() {
    aio::task_group loops(deps_.executor);
    loops.spawn(workers_.run());
    while (true) {
        take_due();
        const auto end = due_.empty()
                             ? base::steady_time::max()
                             : deps_.clock.now() +
                                   std::min(due_.begin()->first - deps_.clock.utc_now(), wait_max);
        const auto woken = co_await wake_.wait_until(end);
        if (!woken) break;
    }
    loops.cancel();
    co_await loops.join();
    co_return base::fail(errc::cancelled, "the schedules were stopped");
}

aio::task<aio::requeue_after> schedule_runner::apply(std::string id) {
    const auto* database = deps_.cache.find(id);
    if (database == nullptr) co_return aio::requeue_after();
    const auto record = database->record;
    const auto now = deps_.clock.utc_now();
    const auto edge = domain::due_edge(*record, now);
    if (!edge) co_return aio::requeue_after();
    // The service enqueues the databases of a replica that has become their owner.
    if (!deps_.owner.wants(id)) co_return aio::requeue_after();
    if (!deps_.owner.owns(id)) co_return aio::requeue_after(lease_wait);
    const auto expected = domain::apply_edge(*record, *edge, {}, now).outcome;
    if (expected == edge_outcome::waits) co_return aio::requeue_after();
    base::outcome<written_edge> written;
    if (expected == edge_outcome::begun) {
        written = co_await write_audited(record, edge->action);
    } else {
        written = co_await write(id, false);
    }
    if (!written) {
        if (written.error().code == errc::not_found) co_return aio::requeue_after();
        if (written.error().code != errc::cancelled) {
            deps_.probe.schedule_change(edge->action, "failed");
        }
        co_return base::pass(std::move(written));
    }
    report(*record, *written);
    co_return aio::requeue_after();
}

aio::task<schedule_runner::written_edge> schedule_runner::write_audited(
    std::shared_ptr<const domain::database> record, schedule_action action) {
    // The row of the same change by a user.
    const auto* const body =
        action == schedule_action::pause ? R"({"paused":true})" : R"({"paused":false})";
    auto act = co_await deps_.audit.begin({.action = "patch_database",
                                           .actor = std::string(domain::schedule_requester),
                                           .kind = "database",
                                           .project = record->project,
                                           .object = record->id,
                                           .request_digest = digest_of_body(body)});
    if (!act) co_return base::pass(std::move(act));
    auto written = co_await write(record->id, true);
    const bool has_begun = written && written->edge && written->outcome == edge_outcome::begun;
    deps_.audit.finish(std::move(*act), {.status = has_begun ? accepted
                                                   : written ? conflict
                                                             : unavailable});
    co_return written;
}

aio::task<schedule_runner::written_edge> schedule_runner::write(std::string id, bool may_begin) {
    written_edge result;
    const auto operation_id = base::random_id("op-");
    auto written = co_await deps_.records.update(
        id,
        [this, &result, &operation_id,
         may_begin](const domain::database& newest) -> base::outcome<domain::database> {
            result = {};
            const auto now = deps_.clock.utc_now();
            const auto edge = domain::due_edge(newest, now);
            if (!edge) return newest;  // another replica has handled it
            auto applied = domain::apply_edge(newest, *edge, operation_id, now);
            const bool begins = applied.outcome == edge_outcome::begun;
            if (applied.outcome == edge_outcome::waits || (begins && !may_begin)) return newest;
            result = {.edge = edge,
                      .outcome = applied.outcome,
                      .operation_id = begins ? operation_id : std::string(),
                      .reason = std::move(applied.reason)};
            return std::move(applied.record);
        },
        record_origin::command);
    if (!written) co_return base::pass(std::move(written), "apply the schedule");
    co_return result;
}

void schedule_runner::report(const domain::database& record, const written_edge& written) {
    if (!written.edge) return;
    const auto action = written.edge->action;
    const auto result = result_of(written.outcome);
    deps_.probe.schedule_change(action, result);
    deps_.log.info("schedule_applied", {{"database_id", record.id},
                                        {"project", record.project},
                                        {"action", domain::name(action)},
                                        {"result", result},
                                        {"edge", base::to_rfc3339(written.edge->time)},
                                        {"operation_id", written.operation_id},
                                        {"detail", written.reason}});
}

}  // namespace app
