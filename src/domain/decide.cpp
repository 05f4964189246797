#include "domain/decide.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "domain/engines.hpp"
#include "domain/failure_cause.hpp"

namespace domain {
namespace {

using std::chrono::seconds;

constexpr seconds poll_fast{5};
constexpr seconds poll_slow{30};
// In this time a healthy start comes up.
constexpr std::chrono::minutes start_grace{3};
constexpr std::string_view step_of_pause = "apply_pause";

class step_list {
  public:
    explicit step_list(operation& owner) : owner_(owner) {}
    operation_step& at(std::string_view step_name) {
        for (auto& step : owner_.steps) {
            if (step.name == step_name) return step;
        }
        owner_.steps.push_back({.name = std::string(step_name)});
        return owner_.steps.back();
    }
    void set(std::string_view step_name, operation_phase phase, std::string message = {}) {
        auto& step = at(step_name);
        step.phase = phase;
        step.message = std::move(message);
        const auto done = std::ranges::count_if(owner_.steps, [](const operation_step& each) {
            return each.phase == operation_phase::succeeded;
        });
        owner_.progress = static_cast<int>(100 * done / std::ptrdiff_t(owner_.steps.size() + 1));
    }

  private:
    operation& owner_;
};

void start(operation& operation, base::instant now) {
    if (operation.phase != operation_phase::queued) return;
    operation.phase = operation_phase::running;
    operation.started_at = now;
}

// The timeout counts from the start of the operation, so that an operation that was accepted before
// a long downtime still gets all of it.
bool is_overdue(const operation& operation, const decide_context& context) {
    return context.now - operation.started_at.value_or(context.now) > context.operation_timeout;
}

// Adopts the observed topology. Groups that are not observed keep their values.
void adopt_observed_spec(database& record, const observed_database& observed) {
    auto& shape = record.topology;
    const bool is_other_mode = shape.mode != observed.topology.mode;
    shape.mode = observed.topology.mode;
    shape.shards = observed.topology.shards;
    const auto* rules = find_engine(record.engine);
    if (is_other_mode && rules != nullptr) complete_groups(shape, *rules);
    for (const auto& source : observed.topology.groups) {
        auto* group = shape.find(source.role);
        if (group == nullptr) continue;
        group->replicas = source.replicas;
        group->size = source.size;
        group->storage.bytes = source.storage.bytes;
    }
}

bool is_pause_change(const operation& operation) noexcept {
    return operation.kind == operation_kind::pause || operation.kind == operation_kind::resume;
}

// Resets the desired state to the observed one, so that a failed change leaves nothing pending. An
// update may have superseded a pause or resume that was not written yet.
void reset_desired(database& record, const operation& failed, const observed_database& observed) {
    const bool is_update = failed.kind == operation_kind::update;
    if (is_update) adopt_observed_spec(record, observed);
    if (is_update || is_pause_change(failed)) record.paused = observed.paused;
}

bool needs_update(const database& record, const observed_database& observed) noexcept {
    return record.labels != observed.labels || record.paused != observed.paused;
}

// Returns whether the latest pause or resume is not completely written: that of the active
// operation or of one that it supersedes. The observed state cannot prove it, because a dependent
// object may have received the change without the database.
bool is_pause_unwritten(const database& record) noexcept {
    for (const auto& operation : record.operations | std::views::reverse) {
        if (operation.is_terminal() && operation.phase != operation_phase::superseded) return false;
        const bool is_written =
            std::ranges::any_of(operation.steps, [](const operation_step& step) {
                return step.name == step_of_pause && step.phase == operation_phase::succeeded;
            });
        if (is_written || is_pause_change(operation)) return !is_written;
    }
    return false;
}

struct reconcile_input {
    database record;
    const observed_database* observed;
    const decide_context& context;
    action next{};
    std::optional<seconds> again{};

    void act(action_kind kind) { next.kind = kind; }
};

void decide_deleted(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) {  // the deletion has been confirmed
        input.act(action_kind::remove_record);
        return;
    }
    start(*active, input.context.now);
    // Only remove_object, which reads the cluster, confirms that nothing is left.
    const bool under_way = input.observed->exists && input.observed->deleting;
    if (!under_way) input.act(action_kind::remove_object);
    input.again = poll_fast;
}

void decide_uncreated(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) return;  // creation failed for good: the owner deletes or recreates
    start(*active, input.context.now);
    step_list(*active).set("create_object", operation_phase::running);
    // The process may have ended after the create and before it stored the uid. A second create
    // returns that uid.
    const bool is_created =
        input.observed->exists && input.observed->owner_database_id == input.record.id;
    if (!is_created && is_overdue(*active, input.context)) {
        const auto cause = active->error_message;
        finish(
            *active, operation_phase::failed, input.context.now, "timed_out",
            fmt::format("the object could not be created within {} s{}{}",
                        input.context.operation_timeout.count(), cause.empty() ? "" : ": ", cause));
        return;
    }
    input.act(action_kind::create_object);
}

void decide_missing(reconcile_input& input) {
    auto* active = active_operation(input.record);
    if (active == nullptr) return;
    finish(*active, operation_phase::failed, input.context.now, "object_missing",
           "the database's object vanished from the cluster");
}

void fail_change(reconcile_input& input, operation& active, std::string_view step, std::string code,
                 std::string message) {
    step_list(active).set(step, operation_phase::failed, message);
    finish(active, operation_phase::failed, input.context.now, std::move(code), std::move(message));
    reset_desired(input.record, active, *input.observed);
}

// The change that `active` asked for, or null.
const observed_change* own_change(const observed_database& observed, const operation& active,
                                  change_kind kind) noexcept {
    for (const auto& change : observed.changes) {
        if (change.known_kind && change.kind == kind && change.operation_id == active.id)
            return &change;
    }
    return nullptr;
}

void note_finished_changes(reconcile_input& input, operation& active) {
    for (const auto& change : input.observed->changes) {
        if (change.operation_id == active.id && change.phase == change_phase::successful) {
            step_list(active).set(name(change.kind), operation_phase::succeeded);
        }
    }
}

// Returns whether an OpsRequest is in progress, the platform's or another writer's. Only one change
// runs at a time.
bool wait_for_change(reconcile_input& input, operation* active) {
    for (const auto& change : input.observed->changes) {
        if (change.is_terminal()) continue;
        if (active != nullptr && change.operation_id == active->id) {
            step_list(*active).set(name(change.kind), operation_phase::running, change.message);
        }
        input.again = poll_slow;
        return true;
    }
    return false;
}

// Members come and go only in a healthy database. More memory or storage may be what an unhealthy
// one lacks; one that merely starts is left alone, its volumes cannot even be expanded yet.
bool may_begin(change_kind kind, observed_phase phase, base::instant::duration waited) noexcept {
    if (phase == observed_phase::ready || phase == observed_phase::critical) return true;
    const bool broken = phase == observed_phase::not_ready || phase == observed_phase::provisioning;
    return broken && waited >= start_grace &&
           (kind == change_kind::volume_expansion || kind == change_kind::vertical_scaling);
}

void pursue_change(reconcile_input& input, operation& active, change_kind kind) {
    const auto step = name(kind);
    const auto* change = own_change(*input.observed, active, kind);
    if (change == nullptr) {
        const auto waited = input.context.now - active.started_at.value_or(input.context.now);
        if (!may_begin(kind, input.observed->phase, waited)) {
            input.again = poll_fast;
            return;
        }
        step_list(active).set(step, operation_phase::running);
        input.next = {
            .kind = action_kind::request_change, .change = kind, .operation_id = active.id};
        return;
    }
    if (change->phase == change_phase::successful) {
        // The watch of the object may be behind the watch of the change; if the object never
        // changes, the operation's time ends it.
        input.again = poll_fast;
        return;
    }
    auto message = change->message.empty()
                       ? fmt::format("the operator ended the change as {}", name(change->phase))
                       : change->message;
    fail_change(input, active, step,
                change->reason.empty() ? std::string("change_failed") : change->reason,
                std::move(message));
}

// The change of the spec that the operation still needs.
std::optional<change_kind> change_left(const reconcile_input& input,
                                       const operation& active) noexcept {
    if (input.record.paused || active.kind != operation_kind::update) return std::nullopt;
    return next_change(input.record, *input.observed);
}

bool has_arrived(const reconcile_input& input, const operation& active) noexcept {
    const bool is_settled =
        std::ranges::all_of(input.observed->changes, &observed_change::is_terminal);
    if (!is_settled || needs_update(input.record, *input.observed) || change_left(input, active)) {
        return false;
    }
    const auto phase = input.observed->phase;
    if (input.record.paused) return phase == observed_phase::halted;
    if (active.kind == operation_kind::update) {
        return phase == observed_phase::ready || phase == observed_phase::critical;
    }
    return phase == observed_phase::ready;
}

void update_object(reconcile_input& input, operation& active, bool is_pause_change_written) {
    input.act(action_kind::update_object);
    if (!is_pause_change_written) return;
    step_list(active).set(step_of_pause, operation_phase::running);
    input.next.operation_id = active.id;
    input.again = poll_fast;  // an unchanged object causes no watch event
}

void pursue_operation(reconcile_input& input, operation& active) {
    start(active, input.context.now);
    note_finished_changes(input, active);
    const bool first =
        active.kind == operation_kind::create || active.kind == operation_kind::recreate;
    if (first) {
        step_list(active).set("create_object", operation_phase::succeeded);
        step_list(active).set("become_ready", operation_phase::running, explain(*input.observed));
    }
    // Checked before the timeout: the operation may have succeeded while the platform was down.
    const bool is_there = has_arrived(input, active);
    const bool is_pause_pending = is_pause_unwritten(input.record);
    if (is_there && !is_pause_pending) {
        for (auto& step : active.steps) {
            step.phase = operation_phase::succeeded;
            step.message.clear();
        }
        finish(active, operation_phase::succeeded, input.context.now);
        return;
    }
    if (!is_there && is_overdue(active, input.context)) {
        auto cause = explain(*input.observed);
        const auto limit = input.context.operation_timeout.count();
        finish(active, operation_phase::failed, input.context.now, "timed_out",
               fmt::format("not {} within {} s{}{}", first ? "ready" : "finished", limit,
                           cause.empty() ? "" : ": ", cause));
        // Reverts a partially written pause or resume.
        if (is_pause_pending) input.act(action_kind::update_object);
        reset_desired(input.record, active, *input.observed);
        return;
    }
    input.again = poll_slow;
    if (wait_for_change(input, &active)) return;
    if (is_pause_pending || needs_update(input.record, *input.observed)) {
        update_object(input, active, is_pause_pending);
        return;
    }
    if (const auto kind = change_left(input, active)) pursue_change(input, active, *kind);
}

void decide_present(reconcile_input& input) {
    if (input.observed->phase == observed_phase::ready) input.record.was_ready = true;
    if (input.observed->deleting) {  // by another writer
        if (auto* active = active_operation(input.record)) {
            finish(*active, operation_phase::failed, input.context.now, "deleted_in_cluster",
                   "the database's object is being deleted in the cluster by another client");
        }
        return;
    }
    if (auto* active = active_operation(input.record)) {
        pursue_operation(input, *active);
        return;
    }
    if (needs_update(input.record, *input.observed)) {
        input.act(action_kind::update_object);
        return;
    }
    // Without an operation of the platform, a different spec is the finished change of another
    // writer, such as an autoscaler. The platform adopts it (docs/adr/0004).
    const bool settled =
        std::ranges::all_of(input.observed->changes, &observed_change::is_terminal);
    if (settled && next_change(input.record, *input.observed))
        adopt_observed_spec(input.record, *input.observed);
}

}  // namespace

bool is_ours(const database& record, const observed_database& observed) noexcept {
    return observed.exists && observed.uid == record.object_uid;
}

const operation* active_operation(const database& record) noexcept {
    for (auto it = record.operations.rbegin(); it != record.operations.rend(); ++it) {
        if (!it->is_terminal()) return &*it;
    }
    return nullptr;
}

operation* active_operation(database& record) noexcept {
    return const_cast<operation*>(active_operation(static_cast<const database&>(record)));
}

void finish(operation& operation, operation_phase phase, base::instant now, std::string code,
            std::string message) {
    operation.phase = phase;
    if (!operation.started_at) operation.started_at = now;
    operation.finished_at = now;
    operation.error_code = std::move(code);
    operation.error_message = std::move(message);
    if (phase == operation_phase::succeeded) operation.progress = 100;
}

void begin_operation(database& record, operation started, base::instant now) {
    for (auto& earlier : record.operations) {
        if (earlier.is_terminal()) continue;
        const bool cancelled = started.kind == operation_kind::delete_database;
        finish(earlier, cancelled ? operation_phase::cancelled : operation_phase::superseded, now,
               {}, fmt::format("{} by {}", cancelled ? "cancelled" : "superseded", started.id));
    }
    started.created_at = now;
    started.database_id = record.id;
    started.project = record.project;
    record.operations.push_back(std::move(started));
    while (record.operations.size() > operations_kept_max) {
        record.operations.erase(record.operations.begin());
    }
}

std::optional<change_kind> next_change(const database& record,
                                       const observed_database& observed) noexcept {
    const auto differs = [&](auto is_other) {
        return std::ranges::any_of(observed.topology.groups, [&](const node_group& present) {
            const auto* wanted = record.topology.find(present.role);
            return wanted != nullptr && is_other(*wanted, present);
        });
    };
    // Ephemeral storage has no volume to expand.
    const bool expands = differs([](const node_group& wanted, const node_group& present) {
        return wanted.storage.type == storage_type::durable &&
               wanted.storage.bytes > present.storage.bytes;
    });
    if (expands) return change_kind::volume_expansion;
    const bool resizes = differs([](const node_group& wanted, const node_group& present) {
        return wanted.size != present.size;
    });
    if (resizes) return change_kind::vertical_scaling;
    const bool scales = differs([](const node_group& wanted, const node_group& present) {
        return wanted.replicas != present.replicas;
    });
    if (scales || record.topology.mode != observed.topology.mode ||
        record.topology.shards != observed.topology.shards) {
        return change_kind::horizontal_scaling;
    }
    const bool shrinks = differs([](const node_group& wanted, const node_group& present) {
        return wanted.storage.type == storage_type::durable &&
               wanted.storage.bytes < present.storage.bytes;
    });
    if (shrinks) return change_kind::volume_expansion;
    return std::nullopt;
}

std::string explain(const observed_database& observed) {
    const event* warning = nullptr;
    for (const auto& each : observed.events) {
        if (each.type == "Warning") warning = &each;
    }
    const condition* cause = nullptr;
    for (const auto& each : observed.conditions) {
        const bool bad =
            !each.status && (each.type == "AcceptingConnection" || each.type == "ReplicaReady" ||
                             each.type == "Ready" || each.type == "Provisioned");
        if (bad && !each.message.empty() && cause == nullptr) cause = &each;
    }
    std::string text;
    if (cause != nullptr) text = cause->message;
    if (warning != nullptr && observed.phase != observed_phase::ready) {
        text +=
            fmt::format("{}{}: {}", text.empty() ? "" : "; ", warning->reason, warning->message);
    }
    return text;
}

decision decide(const database& record, const observed_database* observed,
                const decide_context& context) {
    if (observed == nullptr) return {.record = record};
    reconcile_input input{.record = record, .observed = observed, .context = context};
    if (record.deleted) {
        decide_deleted(input);
    } else if (record.object_uid.empty()) {
        decide_uncreated(input);
    } else if (context.awaiting_first_sight) {
        input.again = poll_fast;
    } else if (!is_ours(record, *observed)) {
        decide_missing(input);
    } else {
        decide_present(input);
    }
    const bool changed = input.record != record;
    return {.record = std::move(input.record),
            .record_changed = changed,
            .next = std::move(input.next),
            .again_in = input.again};
}

database after_success(const database& record, const action& done, const std::string& created_uid,
                       bool is_absent, const decide_context& context) {
    database next = record;
    auto* active = active_operation(next);
    if (done.kind == action_kind::create_object && !next.deleted) {
        next.object_uid = created_uid;
        if (active != nullptr) {
            active->error_message.clear();
            step_list(*active).set("create_object", operation_phase::succeeded);
            step_list(*active).set("become_ready", operation_phase::running);
        }
    }
    // A newer operation, which wants another state, may have started during the action.
    const bool is_pause_change_written = done.kind == action_kind::update_object &&
                                         active != nullptr && active->id == done.operation_id;
    if (is_pause_change_written) step_list(*active).set(step_of_pause, operation_phase::succeeded);
    if (done.kind == action_kind::remove_object && is_absent && next.deleted && active != nullptr) {
        finish(*active, operation_phase::succeeded, context.now);
    }
    return next;
}

failed_action after_failure(const database& record, const observed_database* observed,
                            const action& action, const base::failure& error,
                            const decide_context& context) {
    using base::errc;
    failed_action result{.record = record};
    const bool passing =
        error.retryable() || error.code == errc::cancelled || error.code == errc::gone ||
        error.cause == failure_cause::deleting ||
        (error.code == errc::precondition && action.kind != action_kind::remove_object);
    auto* active = active_operation(result.record);
    if (passing || active == nullptr) {
        result.retry = true;
        if (active != nullptr) active->error_message = error.text;  // reported during the retries
        return result;
    }
    auto code = error.reason.empty() ? std::string(base::name(error.code)) : error.reason;
    if (action.kind == action_kind::remove_object) {
        // Retry the deletion indefinitely and report its error: the record must not disappear
        // before the object does.
        active->error_code = std::move(code);
        active->error_message = error.text;
        result.retry = true;
        return result;
    }
    finish(*active, operation_phase::failed, context.now, std::move(code), error.text);
    if (observed != nullptr && is_ours(record, *observed)) {
        reset_desired(result.record, *active, *observed);
    }
    return result;
}

}  // namespace domain
