#include "app/state_cache.hpp"

#include <algorithm>
#include <utility>

#include "app/idempotency_keys.hpp"
#include "domain/status.hpp"

namespace app {

std::string_view name(metrics_state state) noexcept {
    switch (state) {
        case metrics_state::pending:
            return "pending";
        case metrics_state::fresh:
            return "fresh";
        case metrics_state::stale:
            return "stale";
        case metrics_state::unavailable:
            return "unavailable";
    }
    return "unknown";
}

ports::database_key key_of(const domain::database& record) {
    return {.project = record.project, .engine = record.engine, .name = record.name};
}

void state_cache::listen(state_observers observers) {
    if (observers.catalogue != nullptr) {
        catalogue_observers_.push_back(observers.catalogue);
        if (catalogue_) observers.catalogue->on_catalogue(catalogue_);
    }
    if (observers.projects != nullptr) {
        project_observers_.push_back(observers.projects);
        for (const auto& [name, record] : projects_) observers.projects->on_project(record);
    }
    if (observers.databases != nullptr) {
        database_observers_.push_back(observers.databases);
        for (const auto& [id, each] : entries_) {
            observers.databases->on_database(each.view,
                                             {.record = true, .status = true, .metrics = true});
        }
    }
    if (observers.operations == nullptr) return;
    operation_observers_.push_back(observers.operations);
    for (const auto& [id, operation] : archived_) observers.operations->on_operation(operation);
    for (const auto& [id, each] : entries_) {
        for (const auto& operation : each.record->operations) {
            observers.operations->on_operation(
                std::make_shared<const domain::operation>(operation));
        }
    }
}

database_state* state_cache::find(const std::string& id) {
    const auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : &it->second;
}

database_state* state_cache::find(const ports::database_key& key) {
    const auto it = ids_.find(key);
    return it == ids_.end() ? nullptr : find(it->second);
}

void state_cache::publish(database_state& database, change delta) {
    database.view = std::make_shared<const database_view>(
        database_view{.record = database.record,
                      .observed = database.observed,
                      .status = database.status,
                      .sample = database.sample,
                      .metrics = database.metrics,
                      .metrics_reason = database.metrics_reason,
                      .metrics_message = database.metrics_message,
                      .metrics_interval = metrics_interval_,
                      .version = ++version_});
    unpublished_.emplace_back(database.view, delta);
    if (std::exchange(is_publishing_, true)) return;
    while (!unpublished_.empty()) {
        const auto [view, news] = std::move(unpublished_.front());
        unpublished_.pop_front();
        for (auto* observer : database_observers_) observer->on_database(view, news);
    }
    is_publishing_ = false;
}

// Returns true if the status changed.
bool state_cache::derive(database_state& database) {
    const auto observed = observed_of(database);
    auto next =
        domain::derive_status(*database.record, observed.get(),
                              {.cluster_known = cluster_known_ || (observed && !observed->exists),
                               .awaiting_first_observation = awaits_first_observation(database)});
    const auto& before = database.status;
    next.since = before.since;
    if (next == before) return false;
    if (next.phase != before.phase || before.since == base::instant{}) {
        next.since = clock_.utc_now();
        // The cluster's time of the transition is the more exact one, and the same on all replicas.
        // It is that of this change at the first observation, or if it follows the last change.
        const bool first_look =
            before.since == base::instant{} || before.phase == domain::status_phase::unknown;
        const auto oldest = std::chrono::floor<std::chrono::seconds>(before.since);
        if (observed) {
            for (const auto& each : observed->conditions) {
                if (each.type != "Ready" || !each.last_transition) continue;
                const auto changed = *each.last_transition;
                const bool follows = changed >= oldest && changed != before.since;
                if (first_look || follows) next.since = changed;
            }
        }
    }
    database.status = std::move(next);
    return true;
}

// A key may be reused after a day, and records load in any order: the newest operation counts.
void state_cache::remember_key(const domain::operation& operation, const std::string& database_id) {
    auto& place = by_idempotency_key_[operation.idempotency_key];
    if (!place.operation_id.empty() && operation.created_at < place.created_at) return;
    place = {.database_id = database_id,
             .operation_id = operation.id,
             .created_at = operation.created_at};
}

void state_cache::forget_key(const domain::operation& operation) {
    const auto it = by_idempotency_key_.find(operation.idempotency_key);
    if (it == by_idempotency_key_.end() || it->second.operation_id != operation.id) return;
    by_idempotency_key_.erase(it);
}

const domain::operation* state_cache::find_by_idempotency_key(const std::string& key) const {
    const auto it = by_idempotency_key_.find(key);
    if (it == by_idempotency_key_.end()) return nullptr;
    const auto database = entries_.find(it->second.database_id);
    if (database == entries_.end()) return nullptr;
    for (const auto& each : database->second.record->operations) {
        if (each.id != it->second.operation_id) continue;
        return clock_.utc_now() - each.created_at > idempotency_kept_for ? nullptr : &each;
    }
    return nullptr;
}

void state_cache::publish_operations(const domain::database* before,
                                     const domain::database& after) {
    for (const auto& operation : after.operations) {
        if (before != nullptr &&
            std::ranges::find(before->operations, operation) != before->operations.end()) {
            continue;
        }
        if (!operation.idempotency_key.empty()) {
            remember_key(operation, after.id);
        }
        const auto shared = std::make_shared<const domain::operation>(operation);
        for (auto* observer : operation_observers_) observer->on_operation(shared);
    }
    if (before == nullptr) return;
    for (const auto& operation : before->operations) {  // trimmed
        const bool is_kept = std::ranges::any_of(
            after.operations, [&](const auto& each) { return each.id == operation.id; });
        if (is_kept) continue;
        forget_key(operation);
        for (auto* observer : operation_observers_) observer->on_operation_forgotten(operation.id);
    }
}

database_state& state_cache::put(std::shared_ptr<const domain::database> record,
                                 record_origin origin) {
    const auto [it, is_new] = entries_.try_emplace(record->id);
    auto& database = it->second;
    const auto before = std::exchange(database.record, std::move(record));
    const auto& after = *database.record;
    auto& of_project = used_by_project_[after.project];
    if (before) {
        of_project -= domain::usage_of(*before);
        used_ -= domain::usage_of(*before);
    }
    of_project += domain::usage_of(after);
    used_ += domain::usage_of(after);
    if (is_new) {
        const auto key = key_of(after);
        ids_[key] = after.id;
        if (const auto seen = seen_.find(key); seen != seen_.end()) {
            database.observed = seen->second;
            database.was_seen = database.observed->exists;
        }
    }
    const bool other_status = derive(database);
    publish(
        database,
        {.record = true, .status = other_status || is_new, .metrics = is_new, .origin = origin});
    publish_operations(before.get(), after);
    return database;
}

void state_cache::erase(const std::string& id) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return;
    const auto& record = *it->second.record;
    used_by_project_[record.project] -= domain::usage_of(record);
    used_ -= domain::usage_of(record);
    if (used_by_project_[record.project].databases == 0) used_by_project_.erase(record.project);
    const auto key = ids_.find(key_of(record));
    if (key != ids_.end() && key->second == id) ids_.erase(key);
    for (const auto& operation : record.operations) forget_key(operation);
    const auto last = it->second.view;
    entries_.erase(it);
    for (auto* observer : database_observers_) observer->on_database_deleted(last);
}

void state_cache::expect_first_observation(database_state& database, std::chrono::seconds within) {
    database.first_observation_until = clock_.now() + within;
    refresh_status(database);
}

bool state_cache::set_observed(const ports::database_key& key,
                               std::shared_ptr<const domain::observed_database> state) {
    if (state->exists || state->has_leftovers) {
        seen_[key] = state;
    } else {
        seen_.erase(key);
    }
    auto* database = find(key);
    if (database == nullptr) return false;
    database->observed = std::move(state);
    database->was_seen = database->was_seen || database->observed->exists;
    if (domain::is_ours(*database->record, *database->observed)) {
        database->first_observation_until = base::steady_time::min();
    }
    derive(*database);
    publish(*database, {.status = true});
    return true;
}

void state_cache::set_cluster_known() {
    if (std::exchange(cluster_known_, true)) return;
    for (auto& [id, each] : entries_) refresh_status(each);
}

std::shared_ptr<const domain::observed_database> state_cache::observed_of(
    const database_state& database) const {
    static const auto absent = std::make_shared<const domain::observed_database>();
    // Until the whole cluster was read, only presence is known, and absence after presence: a
    // database's pods or services may be reported before its object.
    if (database.observed && (cluster_known_ || database.was_seen)) return database.observed;
    return cluster_known_ ? absent : nullptr;
}

bool state_cache::awaits_first_observation(const database_state& database) const {
    const bool is_seen = database.observed && domain::is_ours(*database.record, *database.observed);
    return !is_seen && database.first_observation_until > clock_.now();
}

void state_cache::refresh_status(database_state& database) {
    if (derive(database)) publish(database, {.status = true});
}

void state_cache::set_sample(database_state& database,
                             std::shared_ptr<const domain::metrics_sample> sample) {
    database.sample = std::move(sample);
    database.metrics = metrics_state::fresh;
    database.metrics_reason.clear();
    database.metrics_message.clear();
    publish(database, {.metrics = true});
}

void state_cache::set_metrics_failure(database_state& database, metrics_state state,
                                      std::string reason, std::string message) {
    if (database.metrics == state && database.metrics_reason == reason &&
        database.metrics_message == message) {
        return;
    }
    database.metrics = state;
    database.metrics_reason = std::move(reason);
    database.metrics_message = std::move(message);
    publish(database, {.metrics = true});
}

void state_cache::set_catalogue(std::shared_ptr<const ports::catalogue> offer) {
    catalogue_ = std::move(offer);
    for (auto* observer : catalogue_observers_) observer->on_catalogue(catalogue_);
}

std::shared_ptr<const domain::project> state_cache::project(const std::string& name) const {
    const auto it = projects_.find(name);
    return it == projects_.end() ? nullptr : it->second;
}

void state_cache::put_project(std::shared_ptr<const domain::project> record) {
    auto& present = projects_[record->name];
    if (present && record->revision < present->revision) return;
    present = std::move(record);
    for (auto* observer : project_observers_) observer->on_project(present);
}

void state_cache::erase_project(const std::string& name) {
    if (projects_.erase(name) == 0) return;
    for (auto* observer : project_observers_) observer->on_project_deleted(name);
}

void state_cache::put_archived(std::shared_ptr<const domain::operation> operation) {
    archived_[operation->id] = operation;
    for (auto* observer : operation_observers_) observer->on_operation(operation);
}

std::vector<std::string> state_cache::archived_before(base::instant when) const {
    std::vector<std::string> ids;
    for (const auto& [id, operation] : archived_) {
        if (operation->finished_at.value_or(operation->created_at) < when) ids.push_back(id);
    }
    return ids;
}

std::vector<std::string> state_cache::removed_databases() const {
    std::vector<std::string> ids;
    for (const auto& [id, operation] : archived_) {
        const bool removed = operation->kind == domain::operation_kind::delete_database &&
                             operation->phase == domain::operation_phase::succeeded;
        if (removed && !entries_.contains(operation->database_id)) {
            ids.push_back(operation->database_id);
        }
    }
    return ids;
}

void state_cache::erase_archived(const std::string& id) {
    if (archived_.erase(id) == 0) return;
    for (auto* observer : operation_observers_) observer->on_operation_forgotten(id);
}

domain::usage state_cache::usage_of_project(const std::string& name) const {
    const auto it = used_by_project_.find(name);
    return it == used_by_project_.end() ? domain::usage{} : it->second;
}

}  // namespace app
