#include "devcluster/controller/database.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <random>

#include "base/time_text.hpp"
#include "kube/json_text.hpp"

namespace controller {
namespace {

using base::errc;

base::outcome<void> done() {
    return {};
}

std::string new_password() {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device source;
    std::string text;
    while (text.size() < 16) text += alphabet[source() % alphabet.size()];
    return text;
}

std::string from_base64(std::string_view text) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) continue;
        group = group << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(group >> bits & 255U);
        }
    }
    return bytes;
}

}  // namespace

local_database::local_database(host& with, const engine_kind& kind, std::function<void()> on_change)
    : host_(with),
      kind_(kind),
      engine_(runtime::find_engine(kind.engine)),
      on_change_(std::move(on_change)) {}

std::string local_database::folder_of(const wanted_database& wanted) const {
    return fmt::format("{}/{}/{}/{}", host_.data_dir, wanted.engine, wanted.name_space,
                       wanted.name);
}

bool local_database::is_ready() const {
    if (members_.empty()) return false;
    for (const auto& [ordinal, each] : members_) {
        if (!each.member->state().is_ready) return false;
    }
    return true;
}

aio::task<> local_database::reconcile(json::object object) {
    const auto wanted = read_database(std::string(kind_.engine), std::string(kind_.plural), object);
    if (wanted.is_deleting) co_return co_await take_down(wanted);
    if (!wanted.has_finalizer) {
        auto patched = co_await host_.kube.patch(
            database_resource(kind_), wanted.name_space, wanted.name, kube::patch_type::merge,
            json::object{{"metadata", {{"finalizers", json::array{"kubedb.com"}}}}}, {},
            {.field_manager = "local-operator", .strict_fields = false});
        if (!patched) co_return base::pass(std::move(patched));
    }
    if (wanted.is_halted) {
        stop_members();
        co_await join_members();
        const auto pods = told_pods_;
        for (const auto& [ordinal, text] : pods) {
            auto gone = co_await remove(host_.kube, core("pods", "Pod"), wanted.name_space,
                                        member_name(wanted, ordinal));
            if (!gone) co_return gone;
        }
        told_pods_.clear();
        co_return co_await publish_status(wanted);
    }
    auto up = co_await bring_up(wanted);
    if (!up) co_return up;
    up = co_await shrink(wanted);
    if (!up) co_return up;
    co_return co_await publish(wanted);
}

aio::task<std::string> local_database::password_of(const wanted_database& wanted) {
    const auto what = core("secrets", "Secret");
    auto found = co_await host_.kube.get(what, wanted.name_space, wanted.auth_secret);
    if (!found && found.error().code == errc::not_found) {
        const auto made = secret_object(wanted, std::string(engine_->user), new_password());
        auto created =
            co_await host_.kube.create(what, wanted.name_space, made,
                                       {.field_manager = "local-operator", .strict_fields = false});
        if (!created && created.error().reason != "AlreadyExists") {
            co_return base::pass(std::move(created));
        }
        found = co_await host_.kube.get(what, wanted.name_space, wanted.auth_secret);
    }
    if (!found) co_return base::pass(std::move(found));
    const auto* data = kube::object_at(*found, "data");
    auto password = data == nullptr ? "" : from_base64(kube::text_at(*data, "password"));
    if (password.empty()) {
        co_return base::fail(errc::invalid, "the auth secret has no password");
    }
    co_return password;
}

aio::task<> local_database::bring_up(const wanted_database& wanted) {
    if (password_.empty()) {
        auto password = co_await password_of(wanted);
        if (!password) co_return base::pass(std::move(password), "auth secret");
        password_ = std::move(*password);
    }
    for (int ordinal = 0; ordinal < wanted.replicas; ++ordinal) {
        const auto at = members_.find(ordinal);
        if (at != members_.end()) {
            auto plan = at->second.member->plan();
            if (plan.memory_bytes != wanted.memory_bytes) {  // used from the next start on
                plan.memory_bytes = wanted.memory_bytes;
                at->second.member->change(std::move(plan));
            }
            continue;
        }
        // Followers copy the primary: it must be there first.
        const bool has_primary =
            ordinal == 0 || (members_.contains(0) && members_.at(0).member->state().is_ready);
        if (!has_primary) break;
        auto started = co_await start_member(wanted, ordinal);
        if (!started) co_return started;
    }
    co_return done();
}

aio::task<> local_database::start_member(const wanted_database& wanted, int ordinal) {
    const auto name = member_name(wanted, ordinal);
    const auto folder = folder_of(wanted) + "/" + name;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        co_return base::fail(errc::unavailable,
                             fmt::format("'{}' cannot be made: {}", folder, error.message()));
    }
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    // Everything down to the member's folder must be passable for its user.
    for (auto path = std::filesystem::path(folder);
         path != std::filesystem::path(host_.data_dir).parent_path(); path = path.parent_path()) {
        auto handed = runtime::hand_over(host_.as, path.string());
        if (!handed) co_return handed;
    }
    auto claimed =
        co_await ensure(host_.kube, core("persistentvolumeclaims", "PersistentVolumeClaim"),
                        claim_object(wanted, ordinal));
    if (!claimed) co_return claimed;
    runtime::member_plan plan{.name = name,
                              .folder = folder,
                              .password = password_,
                              .user = std::string(engine_->user),
                              .primary_port = ordinal == 0 ? 0 : members_.at(0).member->plan().port,
                              .memory_bytes = wanted.memory_bytes};
    auto& place = members_[ordinal];
    place.member = std::make_unique<runtime::member>(
        std::move(plan),
        runtime::member::parts{
            .of = *engine_,
            .as = host_.as,
            .pool = host_.pool,
            .log = host_.log,
            .on_event =
                [this](std::string type, std::string reason, std::string message) {
                    events_.push_back({std::move(type), std::move(reason), std::move(message)});
                    on_change_();
                },
            .on_change = on_change_});
    place.task = std::make_unique<aio::task_group>(host_.on);
    place.task->spawn(place.member->run());
    events_.push_back({"Normal", "Started", "Started member " + name});
    co_return done();
}

aio::task<> local_database::remove_member(const wanted_database& wanted, int ordinal) {
    const auto at = members_.find(ordinal);
    if (at != members_.end()) {
        at->second.member->stop();
        co_await at->second.task->join();
        members_.erase(at);
    }
    std::error_code error;
    std::filesystem::remove_all(folder_of(wanted) + "/" + member_name(wanted, ordinal), error);
    told_pods_.erase(ordinal);
    auto gone = co_await remove(host_.kube, core("pods", "Pod"), wanted.name_space,
                                member_name(wanted, ordinal));
    if (!gone) co_return gone;
    co_return co_await remove(host_.kube, core("persistentvolumeclaims", "PersistentVolumeClaim"),
                              wanted.name_space, "data-" + member_name(wanted, ordinal));
}

aio::task<> local_database::shrink(const wanted_database& wanted) {
    while (!members_.empty() && members_.rbegin()->first >= wanted.replicas) {
        auto removed = co_await remove_member(wanted, members_.rbegin()->first);
        if (!removed) co_return removed;
    }
    co_return done();
}

aio::task<> local_database::publish(const wanted_database& wanted) {
    if (!has_base_objects_) {
        for (const auto& [suffix, port, name] : {std::tuple{"", kind_.default_port, "primary"},
                                                 std::tuple{"-pods", kind_.default_port, "db"},
                                                 std::tuple{"-stats", 56790, "metrics"}}) {
            if (std::string_view(suffix) == "-stats" && !wanted.has_monitor) continue;
            auto made = co_await ensure(host_.kube, core("services", "Service"),
                                        service_object(wanted, suffix, port, name));
            if (!made) co_return made;
        }
        has_base_objects_ = true;
    }
    auto pods = co_await publish_pods(wanted);
    if (!pods) co_return pods;
    std::vector<endpoint_address> exporters;
    for (const auto& [ordinal, each] : members_) {
        if (each.member->state().is_ready) {
            exporters.push_back({member_name(wanted, ordinal), each.member->plan().exporter_port});
        }
    }
    auto endpoints = endpoints_object(wanted, "-stats", exporters, "metrics");
    auto text = json::serialize(endpoints);
    if (text != told_endpoints_) {
        auto made =
            co_await ensure(host_.kube, core("endpoints", "Endpoints"), std::move(endpoints));
        if (!made) co_return made;
        const auto primary = members_.find(0);
        if (primary != members_.end() && primary->second.member->state().is_ready) {
            const kube::resource binding{.group = "appcatalog.appscode.com",
                                         .version = "v1alpha1",
                                         .plural = "appbindings",
                                         .kind = "AppBinding"};
            made = co_await ensure(
                host_.kube, binding,
                binding_object(wanted, fmt::format(fmt::runtime(kind_.url),
                                                   primary->second.member->plan().port)));
            if (!made) co_return made;
        }
        told_endpoints_ = std::move(text);
    }
    auto emitted = co_await emit_events(wanted);
    if (!emitted) co_return emitted;
    co_return co_await publish_status(wanted);
}

aio::task<> local_database::publish_pods(const wanted_database& wanted) {
    const auto now = base::to_rfc3339(host_.clock.wall());
    std::vector<int> ordinals;
    for (const auto& [ordinal, each] : members_) ordinals.push_back(ordinal);
    for (const int ordinal : ordinals) {
        const auto at = members_.find(ordinal);
        if (at == members_.end()) continue;
        const auto state = at->second.member->state();
        const auto text = fmt::format("{} {} {}", state.is_ready, state.restarts, state.trouble);
        if (told_pods_.contains(ordinal) && told_pods_[ordinal] == text) continue;
        if (!told_pods_.contains(ordinal)) {
            auto made =
                co_await ensure(host_.kube, core("pods", "Pod"), pod_object(wanted, ordinal));
            if (!made) co_return made;
        }
        json::object status{
            {"phase", state.is_ready ? "Running" : "Pending"},
            {"conditions",
             json::array{condition("Ready", state.is_ready,
                                   state.is_ready ? "Running" : "NotRunning", state.trouble, now)}},
            {"containerStatuses", json::array{json::object{{"name", wanted.engine},
                                                           {"ready", state.is_ready},
                                                           {"restartCount", state.restarts}}}}};
        auto patched = co_await host_.kube.patch(
            core("pods", "Pod"), wanted.name_space, member_name(wanted, ordinal),
            kube::patch_type::merge, json::object{{"status", std::move(status)}}, "status",
            {.field_manager = "local-operator", .strict_fields = false});
        if (!patched) co_return base::pass(std::move(patched));
        told_pods_[ordinal] = text;
    }
    co_return done();
}

// Phase and conditions as KubeDB derives them (first match wins).
aio::task<> local_database::publish_status(const wanted_database& wanted) {
    const auto primary = members_.find(0);
    const bool accepts = primary != members_.end() && primary->second.member->state().is_ready;
    int ready = 0;
    std::string trouble;
    for (const auto& [ordinal, each] : members_) {
        ready += each.member->state().is_ready ? 1 : 0;
        if (!each.member->state().is_ready && trouble.empty()) {
            trouble = each.member->plan().name + ": " + each.member->state().trouble;
        }
    }
    const bool all = ready == wanted.replicas && accepts;
    if (all) was_ready_ = true;
    std::string_view phase = "Provisioning";
    if (wanted.is_halted) {
        phase = "Halted";
    } else if (was_ready_) {
        phase = !accepts ? "NotReady" : all ? "Ready" : "Critical";
    }
    const auto key =
        fmt::format("{} {} {} {} {}", phase, ready, wanted.replicas, trouble, is_paused_);
    if (key == told_status_) co_return done();
    const auto now = base::to_rfc3339(host_.clock.wall());
    json::array conditions{
        condition("ProvisioningStarted", true, "DatabaseProvisioningStartedSuccessfully", "", now),
        condition("ReplicaReady", all, all ? "AllReplicasReady" : "SomeReplicasNotReady",
                  all ? ""
                      : fmt::format("{} of {} members are ready{}{}", ready, wanted.replicas,
                                    trouble.empty() ? "" : "; ", trouble),
                  now),
        condition("AcceptingConnection", accepts,
                  accepts ? "DatabaseAcceptingConnectionRequest"
                          : "DatabaseNotAcceptingConnectionRequest",
                  accepts ? "" : "the primary does not accept connections", now),
        condition("Ready", all, all ? "ReadinessCheckSucceeded" : "ReadinessCheckFailed", "", now)};
    if (was_ready_) {
        conditions.push_back(
            condition("Provisioned", true, "DatabaseSuccessfullyProvisioned", "", now));
    }
    if (wanted.is_halted) {
        conditions.push_back(condition("Halted", true, "DatabaseHaltedSuccessfully", "", now));
    }
    if (is_paused_) conditions.push_back(condition("Paused", true, "OpsRequest", "", now));
    auto patched = co_await host_.kube.patch(
        database_resource(kind_), wanted.name_space, wanted.name, kube::patch_type::merge,
        json::object{{"status", {{"phase", phase}, {"conditions", std::move(conditions)}}}},
        "status", {.field_manager = "local-operator", .strict_fields = false});
    if (!patched) co_return base::pass(std::move(patched));
    told_status_ = key;
    co_return done();
}

aio::task<> local_database::emit_events(const wanted_database& wanted) {
    while (!events_.empty()) {
        const auto event = events_.front();
        const auto now = base::to_rfc3339(host_.clock.wall());
        // One object per kind of event: a repetition raises its count.
        const auto id = std::hash<std::string>{}(event.reason + event.message);
        const auto name = fmt::format("{}.{:x}", wanted.name, id);
        const int count = ++event_counts_[name];
        auto made =
            co_await ensure(host_.kube, core("events", "Event"),
                            {{"apiVersion", "v1"},
                             {"kind", "Event"},
                             {"metadata", {{"name", name}, {"namespace", wanted.name_space}}},
                             {"type", event.type},
                             {"reason", event.reason},
                             {"message", event.message},
                             {"count", count},
                             {"firstTimestamp", now},
                             {"lastTimestamp", now},
                             {"involvedObject",
                              {{"kind", wanted.kind},
                               {"namespace", wanted.name_space},
                               {"name", wanted.name},
                               {"uid", wanted.uid}}}});
        if (!made) co_return made;
        events_.erase(events_.begin());
    }
    co_return done();
}

aio::task<> local_database::take_down(const wanted_database& wanted) {
    stop_members();
    co_await join_members();
    if (wanted.deletion_policy != "Halt") {
        std::error_code error;
        std::filesystem::remove_all(folder_of(wanted), error);
    }
    // What it owns goes with it; the volumes and the secret by the policy.
    const auto keep_volumes = wanted.deletion_policy == "Halt";
    for (int ordinal = 0; ordinal < wanted.replicas + 8; ++ordinal) {
        if (keep_volumes || (ordinal >= wanted.replicas && !told_pods_.contains(ordinal))) continue;
        auto gone = co_await remove_member(wanted, ordinal);
        if (!gone) co_return gone;
    }
    if (wanted.deletion_policy == "WipeOut") {
        auto gone = co_await remove(host_.kube, core("secrets", "Secret"), wanted.name_space,
                                    wanted.auth_secret);
        if (!gone) co_return gone;
    }
    auto freed = co_await host_.kube.patch(
        database_resource(kind_), wanted.name_space, wanted.name, kube::patch_type::merge,
        json::object{{"metadata", {{"finalizers", nullptr}}}}, {},
        {.field_manager = "local-operator", .strict_fields = false});
    if (!freed && freed.error().code != errc::not_found) co_return base::pass(std::move(freed));
    is_gone_ = true;
    co_return done();
}

void local_database::restart_members() {
    for (auto& [ordinal, each] : members_) each.member->restart();
}

void local_database::stop_members() {
    for (auto& [ordinal, each] : members_) each.member->stop();
}

aio::task<> local_database::join_members() {
    std::vector<int> ordinals;
    for (const auto& [ordinal, each] : members_) ordinals.push_back(ordinal);
    for (const int ordinal : ordinals) {
        const auto at = members_.find(ordinal);
        if (at != members_.end()) co_await at->second.task->join();
    }
    members_.clear();
    told_endpoints_.clear();
    co_return done();
}

void remove_unknown_members(const host& with, const std::string& engine,
                            const std::set<std::string>& present) {
    std::error_code error;
    const auto root = std::filesystem::path(with.data_dir) / engine;
    std::vector<std::filesystem::path> unknown;
    for (const auto& home : std::filesystem::directory_iterator(root, error)) {
        for (const auto& each : std::filesystem::directory_iterator(home.path(), error)) {
            const auto key =
                home.path().filename().string() + "/" + each.path().filename().string();
            if (!present.contains(key)) unknown.push_back(each.path());
        }
    }
    for (const auto& path : unknown) std::filesystem::remove_all(path, error);
}

}  // namespace controller
