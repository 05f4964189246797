#include "devcluster/controller/local_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <ranges>

#include "devcluster/controller/storage.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"

namespace controller {
namespace {

using base::errc;

std::string new_password() {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device source;
    std::uniform_int_distribution<std::size_t> any(0, alphabet.size() - 1);
    std::string text;
    while (text.size() < 16) text += alphabet[any(source)];
    return text;
}

}  // namespace

local_database::local_database(operator_deps& deps, const engine_kind& kind,
                               std::function<void()> on_change)
    : deps_(deps),
      kind_(kind),
      engine_(runtime::find_engine(kind.engine)),
      on_change_(std::move(on_change)),
      writer_(deps.kube),
      publisher_(deps, kind, engine_, writer_) {}

runtime::member* local_database::member_at(int ordinal) const {
    const auto it = members_.find(ordinal);
    return it == members_.end() ? nullptr : it->second.member.get();
}

std::vector<int> local_database::ordinals() const {
    std::vector<int> all;
    all.reserve(members_.size());
    for (const auto& [ordinal, each] : members_) all.push_back(ordinal);
    return all;
}

bool local_database::is_ready(int ordinal) const {
    const auto* listed = member_at(ordinal);
    return listed != nullptr && listed->state().is_ready;
}

bool local_database::is_settled() const {
    if (!to_restart_.empty() || static_cast<int>(members_.size()) != wanted_.replicas) return false;
    return std::ranges::all_of(ordinals(), [this](int each) { return is_ready(each); });
}

void local_database::set_paused(bool paused) {
    if (facts_.is_paused == paused) return;
    facts_.is_paused = paused;
    on_change_();
}

void local_database::add_event(event_text event) {
    publisher_.add_event(std::move(event));
    on_change_();
}

void local_database::forget(const kube::resource& resource, const std::string& name) {
    writer_.forget(resource, name);
    if (resource.plural == "secrets" && name == wanted_.auth_secret && !wanted_.is_auth_external) {
        has_lost_secret_ = true;
    }
}

// ---- reconciliation ----------------------------------------------------------------------

aio::task<> local_database::reconcile(json::object object) {
    wanted_ = read_database(kind_, object);
    facts_.was_provisioned = facts_.was_provisioned || wanted_.was_provisioned;
    facts_.rejection = rejection_of(wanted_, engine_ != nullptr);
    if (wanted_.is_deleting) co_return co_await finish_deletion(object);
    if (!can_run()) co_return co_await reject(object);
    auto ours = co_await add_finalizer(object);
    if (!ours) co_return base::pass(std::move(ours), "finalizer");
    if (wanted_.is_halted) {
        auto halted = co_await halt();
        if (!halted) co_return base::pass(std::move(halted), "halt");
    } else {
        auto up = co_await start_members();
        if (!up) add_event({"Warning", "FailedStart", up.error().text});
        if (up) up = co_await shrink();
        if (!up) co_return base::pass(std::move(up), "members");
        restart_next();
    }
    co_return co_await publish(object);
}

aio::task<> local_database::publish(const json::object& object) {
    if (!wanted_.is_halted) {
        auto written = co_await publisher_.publish_objects(view());
        if (!written) co_return base::pass(std::move(written), "publish");
    }
    auto written = co_await publisher_.publish_events(wanted_);
    if (!written) co_return base::pass(std::move(written), "events");
    update_facts();
    co_return co_await publisher_.publish_status(view(), object);
}

database_view local_database::view() const {
    database_view result{.wanted = wanted_, .facts = facts_, .members = {}};
    for (const auto& [ordinal, each] : members_) result.members[ordinal] = each.member.get();
    return result;
}

void local_database::update_facts() {
    facts_.replicas = wanted_.replicas;
    facts_.is_halted = wanted_.is_halted;
    facts_.generation = wanted_.generation;
    facts_.accepts = is_ready(0);
    facts_.ready = 0;
    facts_.not_ready_reason.clear();
    for (const auto& [ordinal, each] : members_) {
        const auto& state = each.member->state();
        facts_.ready += state.is_ready ? 1 : 0;
        if (!state.is_ready && facts_.not_ready_reason.empty()) {
            facts_.not_ready_reason =
                fmt::format("{}: {}", each.member->plan().name,
                            state.not_ready_reason.empty() ? "starting" : state.not_ready_reason);
        }
    }
    if (facts_.accepts && facts_.ready >= facts_.replicas) facts_.was_provisioned = true;
}

aio::task<> local_database::add_finalizer(const json::object& object) {
    if (wanted_.has_finalizer) co_return base::ok();
    // The resourceVersion prevents the loss of a finalizer that another client adds.
    const auto* metadata = json::object_at(object, "metadata");
    auto patched = co_await deps_.kube.patch(
        database_resource(kind_), wanted_.ns, wanted_.name, kube::patch_type::merge,
        json::object{{"metadata",
                      {{"finalizers", with_finalizer(object)},
                       {"resourceVersion", json::text_at(*metadata, "resourceVersion")}}}},
        {}, own_write());
    if (!patched) co_return base::pass(std::move(patched));
    co_return base::ok();
}

aio::task<> local_database::reject(const json::object& object) {
    if (!publisher_.has_published("NoRuntime")) {
        add_event({"Warning", "NoRuntime", facts_.rejection});
    }
    auto written = co_await publisher_.publish_events(wanted_);
    if (!written) co_return written;
    update_facts();
    co_return co_await publisher_.publish_status(view(), object);
}

// Stops the processes and deletes the objects that refer to them. Keeps volumes and the secret.
aio::task<> local_database::halt() {
    if (is_stopped_) co_return base::ok();
    if (!members_.empty()) add_event({"Normal", "Halting", "Stopping every member"});
    stop_members();
    co_await join_members();
    auto deleted = co_await remove_objects();
    is_stopped_ = deleted.has_value();
    co_return deleted;
}

aio::task<std::string> local_database::find_password() {
    const auto secrets = core("secrets", "Secret");
    auto listed = co_await deps_.kube.get(secrets, wanted_.ns, wanted_.auth_secret);
    if (!listed && listed.error().code == errc::not_found && !wanted_.is_auth_external) {
        const auto object = secret_object(wanted_, std::string(engine_->user),
                                          password_.empty() ? new_password() : password_);
        auto created = co_await deps_.kube.create(secrets, wanted_.ns, object, own_write());
        if (!created && created.error().cause != kube::status_reason::already_exists) {
            co_return base::pass(std::move(created));
        }
        listed = co_await deps_.kube.get(secrets, wanted_.ns, wanted_.auth_secret);
    }
    if (!listed) co_return base::pass(std::move(listed));
    auto password = password_in(*listed);
    // The password is written to configuration files without escaping.
    const bool is_plain = std::ranges::all_of(password, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    });
    if (password.empty() || !is_plain) {
        co_return base::fail(errc::invalid,
                             fmt::format("the secret '{}' has no password of letters and digits",
                                         wanted_.auth_secret));
    }
    co_return password;
}

aio::task<> local_database::start_members() {
    is_stopped_ = false;
    if (std::exchange(has_lost_secret_, false) || password_.empty()) {
        auto password = co_await find_password();
        has_lost_secret_ = has_lost_secret_ || !password;
        if (!password) co_return base::pass(std::move(password), "auth secret");
        if (password_.empty()) password_ = std::move(*password);
    }
    for (int ordinal = 0; ordinal < wanted_.replicas; ++ordinal) {
        if (auto* present = member_at(ordinal)) {
            update_plan(ordinal, *present);
            continue;
        }
        // Followers copy the first member, so it must be ready first.
        if (ordinal > 0 && engine_->can_follow && !is_ready(0)) break;
        auto started = co_await start_member(ordinal);
        if (!started) co_return started;
    }
    co_return base::ok();
}

// A new memory size takes effect at the next start. A follower restarts if its primary has moved.
void local_database::update_plan(int ordinal, runtime::member& member) {
    auto plan = member.plan();
    plan.memory_bytes = wanted_.memory_bytes;
    const auto* first = member_at(0);
    const bool follows = ordinal > 0 && engine_->can_follow && first != nullptr;
    const bool has_moved = follows && plan.primary_port != first->plan().port;
    if (has_moved) plan.primary_port = first->plan().port;
    member.change(std::move(plan));
    if (has_moved) member.restart();
}

aio::task<> local_database::start_member(int ordinal) {
    const auto folder = folder_of(deps_, wanted_, ordinal);
    auto object = make_folder(deps_, folder);
    if (!object) co_return object;
    const bool follows = ordinal > 0 && engine_->can_follow;
    runtime::member_plan plan{.name = member_name(wanted_, ordinal),
                              .folder = folder,
                              .password = password_,
                              .user = std::string(engine_->user),
                              .primary_port = follows ? member_at(0)->plan().port : 0,
                              .memory_bytes = wanted_.memory_bytes};
    runtime::member::deps member_deps{
        .engine = *engine_,
        .as = deps_.as,
        .pool = deps_.pool,
        .ports = deps_.ports,
        .log = deps_.log,
        .on_event =
            [this](std::string type, std::string reason, std::string message) {
                add_event({std::move(type), std::move(reason), std::move(message)});
            },
        .on_change = on_change_};
    auto& place = members_[ordinal];
    place.member = std::make_unique<runtime::member>(std::move(plan), std::move(member_deps));
    place.task = std::make_unique<aio::task_group>(deps_.executor);
    place.task->spawn(place.member->run());
    add_event({"Normal", "Started", "Started member " + member_name(wanted_, ordinal)});
    co_return base::ok();
}

aio::task<> local_database::shrink() {
    std::set<int> surplus;
    if (may_have_leftovers_) {
        auto stored = co_await find_surplus_members();
        if (!stored) co_return base::pass(std::move(stored));
        surplus = std::move(*stored);
    }
    for (const int each : ordinals()) {
        if (each >= wanted_.replicas) surplus.insert(each);
    }
    may_have_leftovers_ = true;  // until all surplus members are removed
    for (const int last : surplus | std::views::reverse) {
        add_event({"Normal", "Killing", "Removing member " + member_name(wanted_, last)});
        auto removed = co_await remove_member(last);
        if (!removed) co_return removed;
    }
    may_have_leftovers_ = false;
    co_return base::ok();
}

// Returns the ordinals that are not desired but have a folder, a claim or a pod.
aio::task<std::set<int>> local_database::find_surplus_members() {
    auto names = stored_members(deps_, wanted_);
    for (const auto& resource : {core("pods", "Pod"), claims()}) {
        auto listed = co_await deps_.kube.list(
            resource, wanted_.ns, {.label_selector = selector_of(wanted_), .limit = 500});
        if (!listed) co_return base::pass(std::move(listed), resource.plural);
        for (const auto& each : listed->items) {
            names.emplace(json::text_at(json::object_or_empty(each, "metadata"), "name"));
        }
    }
    std::set<int> surplus;
    for (const auto& each : names) {
        const auto ordinal = ordinal_in(wanted_, each);
        if (ordinal && *ordinal >= wanted_.replicas) surplus.insert(*ordinal);
    }
    co_return surplus;
}

aio::task<> local_database::remove_member(int ordinal) {
    const auto it = members_.find(ordinal);
    if (it != members_.end()) {
        it->second.member->stop();
        co_await it->second.task->join();
        members_.erase(it);
        std::erase(to_restart_, ordinal);
    }
    discard_folder(deps_, folder_of(deps_, wanted_, ordinal));
    auto deleted =
        co_await writer_.remove(core("pods", "Pod"), wanted_.ns, member_name(wanted_, ordinal));
    if (!deleted) co_return deleted;
    co_return co_await writer_.remove(claims(), wanted_.ns, claim_name(wanted_, ordinal));
}

// ---- restarts ----------------------------------------------------------------------------

void local_database::restart_members(const std::string& request, bool waits) {
    if (!restarts_done_.insert(request).second) return;
    to_restart_ = ordinals();
    if (!waits) {
        for (const int each : to_restart_) member_at(each)->restart();
        to_restart_.clear();
    }
    restart_next();
}

void local_database::restart_next() {
    if (to_restart_.empty()) return;
    const auto all = ordinals();
    if (!std::ranges::all_of(all, [this](int each) { return is_ready(each); })) return;
    const int next = to_restart_.back();
    to_restart_.pop_back();
    if (auto* listed = member_at(next)) {
        add_event({"Normal", "Restarting", "Restarting member " + member_name(wanted_, next)});
        listed->restart();
    }
}

void local_database::stop_members() {
    for (auto& [ordinal, each] : members_) each.member->stop();
}

aio::task<> local_database::join_members() {
    for (const int ordinal : ordinals()) {
        const auto it = members_.find(ordinal);
        if (it != members_.end()) co_await it->second.task->join();
    }
    members_.clear();
    to_restart_.clear();
    may_have_leftovers_ = true;  // fewer may be desired at the next start
    co_return base::ok();
}

// ---- deletion ----------------------------------------------------------------------------

// Deletes all objects except volume claims and the secret.
aio::task<> local_database::remove_objects() {
    const auto& ns = wanted_.ns;
    const auto selector = selector_of(wanted_);
    for (const auto& resource : {core("pods", "Pod"), core("endpoints", "Endpoints"),
                                 core("services", "Service"), pet_sets()}) {
        auto deleted = co_await writer_.remove_all(resource, ns, selector);
        if (!deleted) co_return deleted;
    }
    auto deleted = co_await writer_.remove(bindings(), ns, wanted_.name);
    writer_.forget();
    co_return deleted;
}

aio::task<> local_database::delete_everything() {
    if (wanted_.name.empty()) co_return base::ok();  // never reconciled
    stop_members();
    co_await join_members();
    auto deleted = co_await remove_objects();
    if (!deleted) co_return deleted;
    if (wanted_.deletion_policy != "Halt") {
        discard_folder(deps_, folder_of(deps_, wanted_));
        deleted = co_await writer_.remove_all(claims(), wanted_.ns, selector_of(wanted_));
        if (!deleted) co_return deleted;
    }
    if (wanted_.deletion_policy != "WipeOut" || wanted_.is_auth_external) co_return base::ok();
    const auto secrets = core("secrets", "Secret");
    auto secret = co_await deps_.kube.get(secrets, wanted_.ns, wanted_.auth_secret);
    if (!secret && secret.error().code == errc::not_found) co_return base::ok();
    if (!secret) co_return base::pass(std::move(secret));
    if (!owns_secret(wanted_, *secret)) co_return base::ok();
    co_return co_await writer_.remove(secrets, wanted_.ns, wanted_.auth_secret);
}

aio::task<> local_database::finish_deletion(const json::object& object) {
    if (wanted_.has_finalizer) {
        auto left = co_await delete_everything();
        if (!left) co_return base::pass(std::move(left), "deletion");
        auto freed = co_await deps_.kube.patch(
            database_resource(kind_), wanted_.ns, wanted_.name, kube::patch_type::merge,
            json::object{{"metadata", {{"finalizers", without_finalizer(object)}}}}, {},
            own_write());
        if (!freed && freed.error().code != errc::not_found) {
            co_return base::pass(std::move(freed), "finalizer");
        }
    }
    is_deleted_ = true;
    co_return base::ok();
}

}  // namespace controller
