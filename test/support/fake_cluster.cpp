#include "test/support/fake_cluster.hpp"

#include <algorithm>
#include <utility>

namespace fakes {
namespace {

using base::errc;

void copy_spec(const domain::database& from, domain::observed_database& into) {
    into.version = from.version;
    into.topology = from.topology;
}

}  // namespace

fake_cluster::fake_cluster(const base::clock& clock) : clock_(clock) {
    auto offer = std::make_shared<ports::catalogue>();
    offer->engines["postgres"] = {{.name = "17.9", .version = "17.9"}};
    offer->engines["redis"] = {{.name = "7.0.15", .version = "7.0.15"}};
    offer_ = std::move(offer);
}

aio::task<void> fake_cluster::run(ports::cluster_observer& observer) {
    observer_ = &observer;
    link(first_state_);
    auto ended = co_await aio::until_cancelled();
    observer_ = nullptr;
    co_return ended;
}

void fake_cluster::link(ports::sync_state state) {
    state_ = state;
    if (observer_ == nullptr) return;
    // What is there comes before the word that it is complete.
    if (state == ports::sync_state::synced) tell_all();
    observer_->on_sync_state(state);
}

void fake_cluster::offer(std::shared_ptr<const ports::catalogue> what) {
    offer_ = std::move(what);
    if (observer_ != nullptr && state_ == ports::sync_state::synced) {
        observer_->on_catalogue(offer_);
    }
}

// ---- trouble -----------------------------------------------------------------------------

base::outcome<void> fake_cluster::enter(const std::string& call, const std::string& name) {
    calls_.push_back(call + " " + name);
    const auto at = failures_.find(call);
    if (at == failures_.end()) return {};
    auto why = std::move(at->second);
    failures_.erase(at);
    return std::unexpected(std::move(why));
}

aio::task<> fake_cluster::leave(std::string call) {
    if (lost_.erase(call) > 0) co_return base::fail(errc::timed_out, "the answer was lost");
    if (hung_.erase(call) == 0) co_return base::ok();
    ++hanging_;
    auto ended = co_await aio::until_cancelled();
    --hanging_;
    co_return ended;
}

void fake_cluster::forget_trouble() {
    failures_.clear();
    lost_.clear();
    hung_.clear();
}

// ---- what is told ------------------------------------------------------------------------

void fake_cluster::tell(object& which) {
    which.seen.observed_at = clock_.utc_now();
    if (observer_ == nullptr || state_ != ports::sync_state::synced) return;
    observer_->on_observed(which.key,
                           std::make_shared<const domain::observed_database>(which.seen));
}

void fake_cluster::tell_without_object(const std::string& name) {
    const auto& each = objects_.at(name);
    domain::observed_database parts{.observed_at = clock_.utc_now()};
    parts.members = each.seen.members;
    observer_->on_observed(each.key,
                           std::make_shared<const domain::observed_database>(std::move(parts)));
}

void fake_cluster::tell_all() {
    observer_->on_catalogue(offer_);
    for (auto& [name, each] : gone_) {
        if (!objects_.contains(name)) tell(each);
    }
    for (auto& [name, each] : objects_) tell(each);
}

// ---- the port ----------------------------------------------------------------------------

aio::task<void> fake_cluster::ensure_project(domain::project project) {
    auto entered = enter("ensure_project", project.name);
    if (!entered) co_return entered;
    if (foreign_projects_.contains(project.name)) {
        co_return base::fail(errc::conflict, "the place is another one's", "not_owned");
    }
    co_return co_await leave("ensure_project");
}

fake_cluster::object& fake_cluster::make(const domain::database& from, const std::string& owner) {
    auto& made = objects_[from.name];
    made.key = {.project = from.project, .engine = from.engine, .name = from.name};
    made.password = "pa55";
    made.seen.exists = true;
    made.seen.uid = "uid-" + std::to_string(++uids_);
    made.seen.owner_database_id = owner;
    made.seen.labels = from.labels;
    made.seen.paused = from.paused;
    copy_spec(from, made.seen);
    tell(made);
    return made;
}

aio::task<std::string> fake_cluster::create(domain::database database) {
    auto entered = enter("create", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    if (!offer_->engines.contains(database.engine)) {
        co_return base::fail(errc::unsupported, "there is no such engine", "engine_not_installed");
    }
    const auto at = objects_.find(database.name);
    if (at == objects_.end()) {
        make(database, database.id);
    } else if (at->second.seen.deleting) {
        co_return base::fail(errc::conflict, "a namesake is still being deleted", "deleting");
    } else if (at->second.seen.owner_database_id != database.id) {
        co_return base::fail(errc::conflict, "there is another", "not_owned");
    }
    const auto uid = objects_.at(database.name).seen.uid;
    auto left = co_await leave("create");
    if (!left) co_return base::pass(std::move(left));
    co_return uid;
}

base::outcome<fake_cluster::object*> fake_cluster::object_of(const domain::database& record) {
    const auto at = objects_.find(record.name);
    if (at == objects_.end()) return base::fail(errc::not_found, "there is no object");
    if (at->second.seen.uid != record.object_uid) {
        return base::fail(errc::precondition, "another object has the name now");
    }
    return &at->second;
}

aio::task<void> fake_cluster::update(domain::database database) {
    auto entered = enter("update", database.name);
    if (!entered) co_return entered;
    auto found = object_of(database);
    if (!found) co_return base::pass(std::move(found));
    auto& seen = (*found)->seen;
    seen.labels = database.labels;
    if (std::exchange(seen.paused, database.paused) != database.paused) {
        seen.phase =
            database.paused ? domain::observed_phase::halted : domain::observed_phase::provisioning;
    }
    tell(**found);
    co_return co_await leave("update");
}

aio::task<void> fake_cluster::request_change(domain::database database, domain::change_kind kind,
                                             std::string operation_id) {
    auto entered = enter("request_change", database.name);
    if (!entered) co_return entered;
    if (kind == domain::change_kind::volume_expansion &&
        database.topology.data().storage.bytes == 0) {
        co_return base::fail(errc::unsupported, "it has no volumes", "change_not_supported");
    }
    auto found = object_of(database);
    if (!found) co_return base::pass(std::move(found));
    auto& each = **found;
    const auto name = operation_id + std::string(domain::name(kind));
    if (each.wanted.emplace(name, database).second) {
        each.seen.changes.push_back({.name = name,
                                     .kind = kind,
                                     .phase = domain::change_phase::progressing,
                                     .operation_id = operation_id,
                                     .created_at = clock_.utc_now()});
        tell(each);
    }
    co_return co_await leave("request_change");
}

aio::task<bool> fake_cluster::remove(domain::database database) {
    auto entered = enter("remove", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    const auto at = objects_.find(database.name);
    bool is_gone = at == objects_.end() && !stray_volumes_.contains(database.name);
    if (at != objects_.end()) {
        const auto& seen = at->second.seen;
        const bool knows_uid = !database.object_uid.empty();
        const bool is_ours =
            knows_uid ? seen.uid == database.object_uid : seen.owner_database_id == database.id;
        if (!is_ours && knows_uid) {
            co_return base::fail(errc::precondition, "another object has the name now");
        }
        if (is_ours && !seen.deleting) vanish(database.name);
        is_gone = !is_ours;
    }
    auto left = co_await leave("remove");
    if (!left) co_return base::pass(std::move(left));
    co_return is_gone;
}

aio::task<ports::credentials> fake_cluster::read_credentials(domain::database database) {
    auto entered = enter("read_credentials", database.name);
    if (!entered && entered.error().code == errc::denied) {
        co_return base::fail(errc::unavailable,
                             "the cluster refuses the platform the credentials; its log says why",
                             "cluster_refused");
    }
    if (!entered) co_return base::pass(std::move(entered));
    const auto found = object_of(database);
    if (!found || (*found)->seen.phase == domain::observed_phase::none) {
        co_return base::fail(errc::conflict, "the database has no credentials yet",
                             "credentials_not_ready");
    }
    const ports::credentials login{.username = "user",
                                   .password = base::secret((*found)->password),
                                   .host = database.name + ".svc",
                                   .port = 6379,
                                   .uri = base::secret("redis://user@" + database.name + ".svc")};
    auto left = co_await leave("read_credentials");
    if (!left) co_return base::pass(std::move(left));
    co_return login;
}

// ---- the operator, and somebody else -----------------------------------------------------

void fake_cluster::report(const std::string& name, domain::observed_phase phase) {
    auto& each = objects_.at(name);
    const bool is_ready = phase == domain::observed_phase::ready;
    each.seen.phase = phase;
    each.seen.metrics_port = is_ready ? 9121 : 0;
    each.seen.members.assign(1, {.name = name + "-0", .role = "primary", .ready = is_ready});
    each.seen.endpoints.assign(1, {.purpose = "primary", .host = name + ".svc", .port = 6379});
    tell(each);
}

void fake_cluster::finish_change(const std::string& name, domain::change_phase how) {
    auto& each = objects_.at(name);
    for (auto& change : each.seen.changes) {
        if (change.is_terminal()) continue;
        change.phase = how;
        if (how == domain::change_phase::successful) {
            copy_spec(each.wanted.at(change.name), each.seen);
        }
        break;
    }
    tell(each);
}

void fake_cluster::put_foreign(const domain::database& like) {
    make(like, "");
}

void fake_cluster::vanish(const std::string& name) {
    if (!held_.contains(name)) return go(name);
    auto& each = objects_.at(name);
    each.seen.deleting = true;
    tell(each);
}

void fake_cluster::let_go(const std::string& name) {
    held_.erase(name);
    const auto* seen = find(name);
    if (seen != nullptr && seen->deleting) go(name);
}

void fake_cluster::go(const std::string& name) {
    auto& last = gone_[name] = std::move(objects_.at(name));
    objects_.erase(name);
    last.seen = {};
    last.seen.has_leftovers = stray_volumes_.contains(name);
    tell(last);
}

void fake_cluster::sweep(const std::string& name) {
    stray_volumes_.erase(name);
    const auto at = gone_.find(name);
    if (at == gone_.end() || objects_.contains(name)) return;
    at->second.seen.has_leftovers = false;
    tell(at->second);
}

void fake_cluster::set_password(const std::string& name, std::string password) {
    objects_.at(name).password = std::move(password);
}

const domain::observed_database* fake_cluster::find(const std::string& name) const {
    const auto at = objects_.find(name);
    return at == objects_.end() ? nullptr : &at->second.seen;
}

}  // namespace fakes
