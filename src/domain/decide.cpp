#include "domain/decide.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "domain/engines.hpp"

namespace domain {
namespace {

using std::chrono::seconds;

constexpr seconds poll_fast{5};
constexpr seconds poll_slow{30};
// In this time a healthy start comes up.
constexpr std::chrono::minutes start_grace{3};
constexpr std::string_view step_of_switch = "apply_pause";

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

void start(operation& which, base::instant now) {
    if (which.phase != operation_phase::queued) return;
    which.phase = operation_phase::running;
    which.started_at = now;
}

// Counted from its beginning: what was accepted just before the platform was down for long gets its
// time all the same.
bool is_overdue(const operation& which, const decide_context& context) {
    return context.now - which.started_at.value_or(context.now) > context.operation_timeout;
}

// Takes over the observed shape. Groups that the observation does not show keep their values.
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

bool is_switch(const operation& which) noexcept {
    return which.kind == operation_kind::pause || which.kind == operation_kind::resume;
}

// What was wanted goes back to what is: a failed change leaves nothing half wanted. An update may
// have taken the place of a switch that had not come through.
void take_back(database& record, const operation& failed, const observed_database& observed) {
    const bool is_update = failed.kind == operation_kind::update;
    if (is_update) adopt_observed_spec(record, observed);
    if (is_update || is_switch(failed)) record.paused = observed.paused;
}

bool needs_update(const database& record, const observed_database& observed) noexcept {
    return record.labels != observed.labels || record.paused != observed.paused;
}

// Whether the latest switch, that of the active operation or of one that it supersedes, has not
// been written as a whole. What is observed cannot tell: an object beside the database may have got
// it already.
bool is_switch_left(const database& record) noexcept {
    for (const auto& each : record.operations | std::views::reverse) {
        if (each.is_terminal() && each.phase != operation_phase::superseded) return false;
        const bool is_written = std::ranges::any_of(each.steps, [](const operation_step& step) {
            return step.name == step_of_switch && step.phase == operation_phase::succeeded;
        });
        if (is_written || is_switch(each)) return !is_written;
    }
    return false;
}

struct situation {
    database record;
    const observed_database* observed;
    const decide_context& context;
    action next{};
    std::optional<seconds> again{};

    void act(action_kind kind) { next.kind = kind; }
};

void decide_deleted(situation& now) {
    auto* active = active_operation(now.record);
    if (active == nullptr) {  // the removal has been verified
        now.act(action_kind::remove_record);
        return;
    }
    start(*active, now.context.now);
    // remove_object answers from a live look whether anything is left; only that ends the record.
    const bool under_way = now.observed->exists && now.observed->deleting;
    if (!under_way) now.act(action_kind::remove_object);
    now.again = poll_fast;
}

void decide_uncreated(situation& now) {
    auto* active = active_operation(now.record);
    if (active == nullptr) return;  // creation failed for good: the owner deletes or recreates
    start(*active, now.context.now);
    step_list(*active).set("create_object", operation_phase::running);
    // Made in an earlier life that ended before it could note the uid: asking again answers it.
    const bool is_made = now.observed->exists && now.observed->owner_database_id == now.record.id;
    if (!is_made && is_overdue(*active, now.context)) {
        const auto cause = active->error_message;
        finish(
            *active, operation_phase::failed, now.context.now, "timed_out",
            fmt::format("the object could not be created within {} s{}{}",
                        now.context.operation_timeout.count(), cause.empty() ? "" : ": ", cause));
        return;
    }
    now.act(action_kind::create_object);
}

void decide_missing(situation& now) {
    auto* active = active_operation(now.record);
    if (active == nullptr) return;
    finish(*active, operation_phase::failed, now.context.now, "object_missing",
           "the database's object vanished from the cluster");
}

void fail_change(situation& now, operation& active, std::string_view step, std::string code,
                 std::string message) {
    step_list(active).set(step, operation_phase::failed, message);
    finish(active, operation_phase::failed, now.context.now, std::move(code), std::move(message));
    take_back(now.record, active, *now.observed);
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

void note_finished_changes(situation& now, operation& active) {
    for (const auto& change : now.observed->changes) {
        if (change.operation_id == active.id && change.phase == change_phase::successful) {
            step_list(active).set(name(change.kind), operation_phase::succeeded);
        }
    }
}

// One change at a time: true while one is under way, whoever asked for it.
bool wait_for_change(situation& now, operation* active) {
    for (const auto& change : now.observed->changes) {
        if (change.is_terminal()) continue;
        if (active != nullptr && change.operation_id == active->id) {
            step_list(*active).set(name(change.kind), operation_phase::running, change.message);
        }
        now.again = poll_slow;
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

void pursue_change(situation& now, operation& active, change_kind kind) {
    const auto step = name(kind);
    const auto* change = own_change(*now.observed, active, kind);
    if (change == nullptr) {
        const auto waited = now.context.now - active.started_at.value_or(now.context.now);
        if (!may_begin(kind, now.observed->phase, waited)) {
            now.again = poll_fast;
            return;
        }
        step_list(active).set(step, operation_phase::running);
        now.next = {.kind = action_kind::request_change, .change = kind, .operation_id = active.id};
        return;
    }
    if (change->phase == change_phase::successful) {
        // The watch of the object may be behind the watch of the change; if the object never
        // changes, the operation's time ends it.
        now.again = poll_fast;
        return;
    }
    auto message = change->message.empty()
                       ? fmt::format("the operator ended the change as {}", name(change->phase))
                       : change->message;
    fail_change(now, active, step,
                change->reason.empty() ? std::string("change_failed") : change->reason,
                std::move(message));
}

// The change of the spec that the operation still needs.
std::optional<change_kind> change_left(const situation& now, const operation& active) noexcept {
    if (now.record.paused || active.kind != operation_kind::update) return std::nullopt;
    return next_change(now.record, *now.observed);
}

bool has_arrived(const situation& now, const operation& active) noexcept {
    const bool is_settled =
        std::ranges::all_of(now.observed->changes, &observed_change::is_terminal);
    if (!is_settled || needs_update(now.record, *now.observed) || change_left(now, active)) {
        return false;
    }
    const auto phase = now.observed->phase;
    if (now.record.paused) return phase == observed_phase::halted;
    if (active.kind == operation_kind::update) {
        return phase == observed_phase::ready || phase == observed_phase::critical;
    }
    return phase == observed_phase::ready;
}

void update_object(situation& now, operation& active, bool is_switched) {
    now.act(action_kind::update_object);
    if (!is_switched) return;
    step_list(active).set(step_of_switch, operation_phase::running);
    now.next.operation_id = active.id;
    now.again = poll_fast;  // the cluster tells nothing of an object that is as it was
}

void pursue_operation(situation& now, operation& active) {
    start(active, now.context.now);
    note_finished_changes(now, active);
    const bool first =
        active.kind == operation_kind::create || active.kind == operation_kind::recreate;
    if (first) {
        step_list(active).set("create_object", operation_phase::succeeded);
        step_list(active).set("become_ready", operation_phase::running, explain(*now.observed));
    }
    // Before its time is looked at: it may have succeeded while the platform was down.
    const bool is_there = has_arrived(now, active);
    const bool is_unswitched = is_switch_left(now.record);
    if (is_there && !is_unswitched) {
        for (auto& step : active.steps)
            step.phase = operation_phase::succeeded, step.message.clear();
        finish(active, operation_phase::succeeded, now.context.now);
        return;
    }
    if (!is_there && is_overdue(active, now.context)) {
        auto cause = explain(*now.observed);
        const auto limit = now.context.operation_timeout.count();
        finish(active, operation_phase::failed, now.context.now, "timed_out",
               fmt::format("not {} within {} s{}{}", first ? "ready" : "finished", limit,
                           cause.empty() ? "" : ": ", cause));
        // What was written of it by half is written back.
        if (is_unswitched) now.act(action_kind::update_object);
        take_back(now.record, active, *now.observed);
        return;
    }
    now.again = poll_slow;
    if (wait_for_change(now, &active)) return;
    if (is_unswitched || needs_update(now.record, *now.observed)) {
        update_object(now, active, is_unswitched);
        return;
    }
    if (const auto kind = change_left(now, active)) pursue_change(now, active, *kind);
}

void decide_present(situation& now) {
    if (now.observed->phase == observed_phase::ready) now.record.was_ready = true;
    if (now.observed->deleting) {  // by somebody else
        if (auto* active = active_operation(now.record)) {
            finish(*active, operation_phase::failed, now.context.now, "deleted_in_cluster",
                   "somebody is deleting the database's object in the cluster");
        }
        return;
    }
    if (auto* active = active_operation(now.record)) {
        pursue_operation(now, *active);
        return;
    }
    if (needs_update(now.record, *now.observed)) {
        now.act(action_kind::update_object);
        return;
    }
    // Without an operation of ours a different spec is somebody else's finished change (an
    // autoscaler, an administrator): taken over, never undone (docs/adr/0004).
    const bool settled = std::ranges::all_of(now.observed->changes, &observed_change::is_terminal);
    if (settled && next_change(now.record, *now.observed))
        adopt_observed_spec(now.record, *now.observed);
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

void finish(operation& which, operation_phase phase, base::instant now, std::string code,
            std::string message) {
    which.phase = phase;
    if (!which.started_at) which.started_at = now;
    which.finished_at = now;
    which.error_code = std::move(code);
    which.error_message = std::move(message);
    if (phase == operation_phase::succeeded) which.progress = 100;
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
    situation now{.record = record, .observed = observed, .context = context};
    if (record.deleted) {
        decide_deleted(now);
    } else if (record.object_uid.empty()) {
        decide_uncreated(now);
    } else if (context.awaiting_first_sight) {
        now.again = poll_fast;
    } else if (!is_ours(record, *observed)) {
        decide_missing(now);
    } else {
        decide_present(now);
    }
    const bool changed = now.record != record;
    return {.record = std::move(now.record),
            .record_changed = changed,
            .next = std::move(now.next),
            .again_in = now.again};
}

database after_success(const database& record, const action& done, const std::string& created_uid,
                       bool gone, const decide_context& context) {
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
    // Another operation may have begun meanwhile, which wants it otherwise.
    const bool is_switched = done.kind == action_kind::update_object && active != nullptr &&
                             active->id == done.operation_id;
    if (is_switched) step_list(*active).set(step_of_switch, operation_phase::succeeded);
    if (done.kind == action_kind::remove_object && gone && next.deleted && active != nullptr) {
        finish(*active, operation_phase::succeeded, context.now);
    }
    return next;
}

failed_action after_failure(const database& record, const observed_database* observed,
                            const action& tried, const base::failure& why,
                            const decide_context& context) {
    using base::errc;
    failed_action result{.record = record};
    const bool passing =
        why.retryable() || why.code == errc::cancelled || why.code == errc::gone ||
        why.reason == "deleting" ||
        (why.code == errc::precondition && tried.kind != action_kind::remove_object);
    auto* active = active_operation(result.record);
    if (passing || active == nullptr) {
        result.retry = true;
        if (active != nullptr)
            active->error_message = why.text;  // shown while it is being tried again
        return result;
    }
    auto code = why.reason.empty() ? std::string(base::name(why.code)) : why.reason;
    if (tried.kind == action_kind::remove_object) {
        // The record must outlive what it stands for: deletion is tried again for ever, its cause
        // is shown.
        active->error_code = std::move(code);
        active->error_message = why.text;
        result.retry = true;
        return result;
    }
    finish(*active, operation_phase::failed, context.now, std::move(code), why.text);
    if (observed != nullptr && is_ours(record, *observed)) {
        take_back(result.record, *active, *observed);
    }
    return result;
}

}  // namespace domain
