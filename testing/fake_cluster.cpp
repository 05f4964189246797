#include "testing/fake_cluster.hpp"

#include <utility>

#include "aio/aio.hpp"

namespace fakes {
namespace {

using base::errc;

void copy_spec(const domain::database& from, domain::observed_database& into) {
    into.version = from.version;
    into.topology = from.topology;
    into.size = from.size;
    into.storage = from.storage;
}

}  // namespace

aio::task<void> fake_cluster::run(ports::cluster_observer& observer) {
    observer_ = &observer;
    auto offer = std::make_shared<ports::catalogue>();
    offer->engines["postgres"] = {{.name = "17.9", .version = "17.9"}};
    offer->engines["redis"] = {{.name = "7.0.15", .version = "7.0.15"}};
    observer.on_catalogue(std::move(offer));
    for (const auto& [name, each] : objects_) tell(name);
    link(ports::link_state::synced);
    const auto on = co_await aio::this_executor();
    aio::wakeup never(on);
    auto ended = co_await never.wait();
    observer_ = nullptr;
    co_return ended;
}

void fake_cluster::link(ports::link_state state) {
    state_ = state;
    if (observer_ != nullptr) observer_->on_link(state);
}

base::outcome<void> fake_cluster::enter(const std::string& call, const std::string& name) {
    calls_.push_back(call + " " + name);
    const auto at = failures_.find(call);
    if (at == failures_.end()) return {};
    auto why = std::move(at->second);
    failures_.erase(at);
    return std::unexpected(std::move(why));
}

void fake_cluster::tell(const std::string& name) {
    if (observer_ == nullptr) return;
    auto& each = objects_.at(name);
    each.seen.observed_at = clock_.wall();
    observer_->on_observed({each.made_from.project, each.made_from.engine, name},
                           std::make_shared<const domain::observed_database>(each.seen));
}

aio::task<void> fake_cluster::ensure_project(domain::project) {
    co_return base::outcome<void>{};
}

aio::task<std::string> fake_cluster::create(domain::database database) {
    auto entered = enter("create", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    const auto at = objects_.find(database.name);
    if (at == objects_.end()) {
        auto& made = objects_[database.name];
        made.made_from = database;
        made.seen.exists = true;
        made.seen.uid = "uid-" + std::to_string(++uids_);
        made.seen.owner_database_id = database.id;
        made.seen.tags = database.tags;
        copy_spec(database, made.seen);
        tell(database.name);
    } else if (at->second.seen.owner_database_id != database.id) {
        co_return base::fail(errc::conflict, "there is another", "foreign");
    }
    if (std::exchange(loses_answer_, false)) {
        co_return base::fail(errc::timed_out, "the answer was lost");
    }
    co_return objects_.at(database.name).seen.uid;
}

aio::task<void> fake_cluster::update(domain::database database) {
    auto entered = enter("update", database.name);
    if (!entered) co_return entered;
    const auto at = objects_.find(database.name);
    if (at == objects_.end()) co_return base::fail(errc::not_found, "no object");
    at->second.seen.tags = database.tags;
    if (std::exchange(at->second.seen.paused, database.paused) != database.paused) {
        at->second.seen.phase =
            database.paused ? domain::observed_phase::halted : domain::observed_phase::provisioning;
    }
    tell(database.name);
    co_return base::outcome<void>{};
}

aio::task<void> fake_cluster::request_change(domain::database database, domain::change_kind kind,
                                             std::string operation_id) {
    auto entered = enter("request_change", database.name);
    if (!entered) co_return entered;
    auto& each = objects_.at(database.name);
    each.made_from = database;
    each.seen.changes.push_back({.name = operation_id + std::string(domain::name(kind)),
                                 .kind = kind,
                                 .phase = domain::change_phase::progressing,
                                 .operation_id = operation_id,
                                 .created_at = clock_.wall()});
    tell(database.name);
    co_return base::outcome<void>{};
}

aio::task<bool> fake_cluster::remove(domain::database database) {
    auto entered = enter("remove", database.name);
    if (!entered) co_return base::pass(std::move(entered));
    const auto at = objects_.find(database.name);
    if (at == objects_.end()) co_return true;
    if (at->second.seen.owner_database_id != database.id) {
        co_return base::fail(errc::precondition, "another object has the name now");
    }
    vanish(database.name);
    co_return false;
}

aio::task<ports::credentials> fake_cluster::read_credentials(domain::database database) {
    if (!objects_.contains(database.name)) co_return base::fail(errc::not_found, "no secret yet");
    ports::credentials login{.username = "user", .password = base::secret("pa55"), .host = "h"};
    co_return login;
}

void fake_cluster::report(const std::string& name, domain::observed_phase phase) {
    auto& seen = objects_.at(name).seen;
    seen.phase = phase;
    seen.has_metrics = phase == domain::observed_phase::ready;
    seen.members.assign(
        1,
        {.name = name + "-0", .role = "primary", .ready = phase == domain::observed_phase::ready});
    tell(name);
}

void fake_cluster::finish_change(const std::string& name, domain::change_phase how) {
    auto& each = objects_.at(name);
    for (auto& change : each.seen.changes) {
        if (change.is_terminal()) continue;
        change.phase = how;
        if (how == domain::change_phase::successful) copy_spec(each.made_from, each.seen);
        break;
    }
    tell(name);
}

void fake_cluster::vanish(const std::string& name) {
    auto& each = objects_.at(name);
    each.seen = {};
    tell(name);
    objects_.erase(name);
}

}  // namespace fakes
