#include "test/support/fake_cluster.hpp"

#include <algorithm>
#include <utility>

#include "domain/failure_cause.hpp"

namespace fakes {
namespace {

using base::errc;

void copy_spec(const domain::database& record, domain::observed_database& state) {
    state.version = record.version;
    state.topology = record.topology;
}

}  // namespace

fake_cluster::fake_cluster(const base::clock& clock) : clock_(clock) {
    auto catalogue = std::make_shared<ports::catalogue>();
    catalogue->engines["postgres"] = {{.name = "17.9", .version = "17.9"}};
    catalogue->engines["redis"] = {{.name = "7.0.15", .version = "7.0.15"}};
    catalogue_ = std::move(catalogue);
}

aio::task<void> fake_cluster::run(ports::cluster_observer& observer) {
    observer_ = &observer;
    set_sync_state(initial_state_);
    auto ended = co_await aio::until_cancelled();
    observer_ = nullptr;
    co_return ended;
}

void fake_cluster::set_sync_state(ports::sync_state state) {
    state_ = state;
    if (observer_ == nullptr) return;
    // Observers receive all objects before the state `synced`.
    if (state == ports::sync_state::synced) publish_all();
    observer_->on_sync_state(state);
}

void fake_cluster::set_catalogue(std::shared_ptr<const ports::catalogue> catalogue) {
    catalogue_ = std::move(catalogue);
    if (observer_ != nullptr && state_ == ports::sync_state::synced) {
        observer_->on_catalogue(catalogue_);
    }
}

// ---- faults ------------------------------------------------------------------------------

base::outcome<void> fake_cluster::enter(const std::string& call, const std::string& name) {
    calls_.push_back(call + " " + name);
    const auto it = failures_.find(call);
    if (it == failures_.end()) return {};
    auto failure = std::move(it->second);
    failures_.erase(it);
    return std::unexpected(std::move(failure));
}

aio::task<> fake_cluster::leave(std::string call) {
    if (lost_responses_.erase(call) > 0)
        co_return base::fail(errc::timed_out, "the response was lost");
    if (hung_calls_.erase(call) == 0) co_return base::ok();
    ++hanging_calls_;
    auto ended = co_await aio::until_cancelled();
    --hanging_calls_;
    co_return ended;
}

void fake_cluster::clear_faults() {
    failures_.clear();
    lost_responses_.clear();
    hung_calls_.clear();
}

// ---- published states --------------------------------------------------------------------

void fake_cluster::publish(object& target) {
    target.state.observed_at = clock_.utc_now();
    if (observer_ == nullptr || state_ != ports::sync_state::synced) return;
    observer_->on_observed(target.key,
                           std::make_shared<const domain::observed_database>(target.state));
}

void fake_cluster::publish_without_object(const std::string& name) {
    const auto& entry = objects_.at(name);
    domain::observed_database state{.observed_at = clock_.utc_now()};
    state.members = entry.state.members;
    observer_->on_observed(entry.key,
                           std::make_shared<const domain::observed_database>(std::move(state)));
}

void fake_cluster::publish_all() {
    observer_->on_catalogue(catalogue_);
    for (auto& [name, entry] : deleted_) {
        if (!objects_.contains(name)) publish(entry);
    }
    for (auto& [name, entry] : objects_) publish(entry);
}

// ---- the port ----------------------------------------------------------------------------

aio::task<void> fake_cluster::ensure_project(domain::project project, std::string /*traceparent*/) {
    auto entered = enter("ensure_project", project.name);
    if (!entered) co_return entered;
    if (foreign_projects_.contains(project.name)) {
        co_return base::fail(errc::conflict, "the namespace belongs to another owner", "not_owned");
    }
    co_return co_await leave("ensure_project");
}

fake_cluster::object& fake_cluster::make(const domain::database& record, const std::string& owner) {
    auto& created = objects_[record.name];
    created.key = {.project = record.project, .engine = record.engine, .name = record.name};
    created.password = "pa55";
    created.state.exists = true;
    created.state.uid = "uid-" + std::to_string(++uids_);
    created.state.owner_database_id = owner;
    created.state.labels = record.labels;
    created.state.paused = record.paused;
    copy_spec(record, created.state);
    publish(created);
    return created;
}

aio::task<std::string> fake_cluster::create(domain::database database) {
    auto entered = enter("create", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    if (!catalogue_->engines.contains(database.engine)) {
        co_return base::fail(errc::unsupported, "the engine is not installed",
                             "engine_not_installed");
    }
    const auto it = objects_.find(database.name);
    if (it == objects_.end()) {
        make(database, database.id);
    } else if (it->second.state.deleting) {
        co_return base::fail(errc::conflict, "an object of that name is being deleted",
                             domain::failure_cause::deleting);
    } else if (it->second.state.owner_database_id != database.id) {
        co_return base::fail(errc::conflict, "the name belongs to another object", "not_owned");
    }
    const auto uid = objects_.at(database.name).state.uid;
    auto result = co_await leave("create");
    if (!result) co_return base::pass(std::move(result));
    co_return uid;
}

base::outcome<fake_cluster::object*> fake_cluster::object_of(const domain::database& record) {
    const auto it = objects_.find(record.name);
    if (it == objects_.end()) {
        object missing{
            .key = {.project = record.project, .engine = record.engine, .name = record.name}};
        publish(missing);
        return base::fail(errc::not_found, "the object does not exist");
    }
    if (it->second.state.uid != record.object_uid) {
        publish(it->second);
        return base::fail(errc::precondition, "another object has the name");
    }
    return &it->second;
}

aio::task<void> fake_cluster::update(domain::database database) {
    auto entered = enter("update", database.name);
    if (!entered) co_return entered;
    auto target = object_of(database);
    if (!target) co_return base::pass(std::move(target));
    auto& state = (*target)->state;
    state.labels = database.labels;
    if (std::exchange(state.paused, database.paused) != database.paused) {
        state.phase =
            database.paused ? domain::observed_phase::halted : domain::observed_phase::provisioning;
    }
    publish(**target);
    co_return co_await leave("update");
}

aio::task<void> fake_cluster::request_change(domain::database database, domain::change_kind kind,
                                             std::string operation_id) {
    auto entered = enter("request_change", database.name);
    if (!entered) co_return entered;
    if (kind == domain::change_kind::volume_expansion &&
        database.topology.data().storage.bytes == 0) {
        co_return base::fail(errc::unsupported, "the engine has no volumes",
                             "change_not_supported");
    }
    auto target = object_of(database);
    if (!target) co_return base::pass(std::move(target));
    auto& entry = **target;
    const auto name = operation_id + std::string(domain::name(kind));
    if (entry.wanted.emplace(name, database).second) {
        entry.state.changes.push_back({.name = name,
                                       .kind = kind,
                                       .phase = domain::change_phase::progressing,
                                       .operation_id = operation_id,
                                       .created_at = clock_.utc_now()});
        publish(entry);
    }
    co_return co_await leave("request_change");
}

aio::task<bool> fake_cluster::remove(domain::database database) {
    auto entered = enter("remove", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    const auto it = objects_.find(database.name);
    bool is_deleted = it == objects_.end() && !stray_volumes_.contains(database.name);
    if (it != objects_.end()) {
        const auto& state = it->second.state;
        const bool knows_uid = !database.object_uid.empty();
        const bool is_ours =
            knows_uid ? state.uid == database.object_uid : state.owner_database_id == database.id;
        if (!is_ours && knows_uid) {
            co_return base::fail(errc::precondition, "another object has the name");
        }
        if (is_ours && !state.deleting) delete_object(database.name);
        is_deleted = !is_ours;
    }
    auto result = co_await leave("remove");
    if (!result) co_return base::pass(std::move(result));
    co_return is_deleted;
}

aio::task<ports::credentials> fake_cluster::read_credentials(domain::database database,
                                                             std::string /*traceparent*/) {
    auto entered = enter("read_credentials", database.name);
    if (!entered && entered.error().code == errc::denied) {
        co_return base::fail(errc::unavailable,
                             "the cluster denies the platform the credentials; its log says why",
                             "cluster_refused");
    }
    if (!entered) co_return base::pass(std::move(entered));
    const auto target = object_of(database);
    if (!target || (*target)->state.phase == domain::observed_phase::none) {
        co_return base::fail(errc::conflict, "the database has no credentials yet",
                             "credentials_not_ready");
    }
    const ports::credentials login{.username = "user",
                                   .password = base::secret((*target)->password),
                                   .host = database.name + ".svc",
                                   .port = 6379,
                                   .uri = base::secret("redis://user@" + database.name + ".svc")};
    auto result = co_await leave("read_credentials");
    if (!result) co_return base::pass(std::move(result));
    co_return login;
}

// ---- the operator and administrators -----------------------------------------------------

void fake_cluster::report(const std::string& name, domain::observed_phase phase) {
    auto& entry = objects_.at(name);
    const bool is_ready = phase == domain::observed_phase::ready;
    entry.state.phase = phase;
    entry.state.metrics_port = is_ready ? 9121 : 0;
    entry.state.members.assign(1, {.name = name + "-0", .role = "primary", .ready = is_ready});
    entry.state.endpoints.assign(1, {.purpose = "primary", .host = name + ".svc", .port = 6379});
    publish(entry);
}

void fake_cluster::report_events(const std::string& name, std::vector<domain::event> events) {
    auto& entry = objects_.at(name);
    entry.state.events = std::move(events);
    publish(entry);
}

void fake_cluster::finish_change(const std::string& name, domain::change_phase phase) {
    auto& entry = objects_.at(name);
    for (auto& change : entry.state.changes) {
        if (change.is_terminal()) continue;
        change.phase = phase;
        if (phase == domain::change_phase::successful) {
            copy_spec(entry.wanted.at(change.name), entry.state);
        }
        break;
    }
    publish(entry);
}

void fake_cluster::put_foreign_object(const domain::database& record) {
    make(record, "");
}

void fake_cluster::delete_object(const std::string& name) {
    if (!deletion_blocked_.contains(name)) return finish_deletion(name);
    auto& entry = objects_.at(name);
    entry.state.deleting = true;
    publish(entry);
}

void fake_cluster::unblock_deletion(const std::string& name) {
    deletion_blocked_.erase(name);
    const auto* state = find(name);
    if (state != nullptr && state->deleting) finish_deletion(name);
}

void fake_cluster::finish_deletion(const std::string& name) {
    auto& last = deleted_[name] = std::move(objects_.at(name));
    objects_.erase(name);
    last.state = {};
    last.state.has_leftovers = stray_volumes_.contains(name);
    publish(last);
}

void fake_cluster::delete_stray_volume(const std::string& name) {
    stray_volumes_.erase(name);
    const auto it = deleted_.find(name);
    if (it == deleted_.end() || objects_.contains(name)) return;
    it->second.state.has_leftovers = false;
    publish(it->second);
}

void fake_cluster::set_password(const std::string& name, std::string password) {
    objects_.at(name).password = std::move(password);
}

const domain::observed_database* fake_cluster::find(const std::string& name) const {
    const auto it = objects_.find(name);
    return it == objects_.end() ? nullptr : &it->second.state;
}

}  // namespace fakes
