#include "kubedb/resource_watches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/discovery.hpp"
#include "kube/resource_version.hpp"
#include "kube/status_reason.hpp"
#include "kubedb/names.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

// Time that the first lists may take after discovery before the store publishes partial data.
constexpr std::chrono::seconds first_lists_timeout{15};
constexpr std::chrono::seconds count_period{1};

}  // namespace

resource_watches::resource_watches(aio::executor executor, kube::client& client,
                                   const base::clock& clock, obs::log& log, obs::registry& registry,
                                   const cluster_options& options)
    : executor_(executor),
      kube_(client),
      clock_(clock),
      log_(log),
      registry_(registry),
      options_(options),
      store_(executor, clock, options.events_kept),
      kind_ended_(executor),
      reconnected_(executor, clock) {}

aio::task<void> resource_watches::run(ports::cluster_observer& observer) {
    observer_ = &observer;
    store_.set_observer(&observer);
    aio::task_group watches(executor_);
    watches.on_failure([this](const base::failure& failure) {
        log_.warning("watch_ended", {{"code", base::name(failure.code)}, {"detail", failure.text}});
    });
    store_.hold();
    watches.spawn([this]() -> aio::task<> {
        while (true) {
            for (const auto& [name, each] : watched_) each->count(registry_, clock_.now());
            auto slept = co_await aio::sleep_for(clock_, count_period);
            if (!slept) co_return slept;
        }
    });
    watches.spawn(verify_positions());
    aio::backoff backoff({.max = kube::informer_options{}.retry_max}, options_.seed);
    while (true) {
        const bool is_calm = std::ranges::none_of(
            watched_, [](const auto& each) { return each.second->has_ended(); });
        auto discovered = co_await watch_new_resources(watches);
        std::chrono::nanoseconds pause = options_.rediscover;
        if (!discovered) {
            if (discovered.error().code == errc::cancelled) break;
            if (!is_discovered_) set_state(ports::sync_state::disconnected);
            log_.warning("discovery_failed", {{"detail", discovered.error().text}});
            pause = backoff.next();
        } else if (is_calm) {
            backoff.reset();
        }
        auto woken = co_await kind_ended_.wait_for(pause);
        if (!woken) break;
        if (!*woken) continue;
        // Runs discovery after a backoff, because the watch may end again and again.
        auto slept = co_await aio::sleep_for(clock_, backoff.next());
        if (!slept) break;
    }
    watches.cancel();
    co_await watches.join();
    observer_ = nullptr;
    store_.set_observer(nullptr);
    co_return fail(errc::cancelled, "the watches were stopped");
}

aio::task<> resource_watches::watch_new_resources(aio::task_group& watches) {
    auto resources =
        co_await kube::discover(kube_, {std::string(database_api), std::string(ops_api),
                                        "catalog.kubedb.com", "appcatalog.appscode.com", ""});
    if (!resources) co_return base::pass(std::move(resources));
    served_.replace(std::move(*resources));
    for (const auto* dialect : all_dialects()) watch_engine(*dialect, watches);
    watch_common(watches);
    if (!std::exchange(is_discovered_, true)) watches.spawn(flush_after_timeout());
    refresh_state();
    co_return base::ok();
}

// A list that never completes must not delay the other resources indefinitely.
aio::task<> resource_watches::flush_after_timeout() {
    auto slept = co_await aio::sleep_for(clock_, first_lists_timeout);
    if (slept && state_.load() != ports::sync_state::synced) store_.flush();
    co_return slept;
}

// Verifies every watch that was connected again, because a restore of a backup restarts the API
// server, and two watches per period. If one went back, the others probably did too, because the
// resources share a storage.
aio::task<> resource_watches::verify_positions() {
    std::string last;
    while (true) {
        auto notified = co_await reconnected_.wait_for(options_.verify_period);
        if (!notified) co_return base::pass(std::move(notified));
        auto is_current = co_await verify(*notified ? take_reconnected() : next_to_verify(last));
        if (!is_current) co_return base::ok();
        if (*is_current) continue;
        std::vector<watch_entry> all;
        all.reserve(watched_.size());
        for (const auto& [name, entry] : watched_) all.push_back(entry);
        if (!co_await verify(std::move(all))) co_return base::ok();
    }
}

aio::task<bool> resource_watches::verify(std::vector<watch_entry> entries) {
    bool are_current = true;
    for (const auto& entry : entries) {
        const auto is_current = co_await entry->informer->verify_position();
        if (!is_current && is_current.error().code == errc::cancelled) {
            co_return std::unexpected(is_current.error());
        }
        // A failed request proves nothing. The watch fails as well then, and is connected again.
        are_current = are_current && is_current.value_or(true);
    }
    co_return are_current;
}

std::vector<resource_watches::watch_entry> resource_watches::take_reconnected() {
    std::vector<watch_entry> entries;
    for (const auto& [name, entry] : watched_) {
        if (!entry->is_reconnected()) continue;
        entry->clear_reconnected();
        entries.push_back(entry);
    }
    return entries;
}

std::vector<resource_watches::watch_entry> resource_watches::next_to_verify(
    std::string& last) const {
    if (watched_.empty()) return {};
    auto next = watched_.upper_bound(last);
    if (next == watched_.end()) next = watched_.begin();
    last = next->first;
    // A quiet resource has an old position and shows a restore late. Events may be in a
    // separate storage (--etcd-servers-overrides), whose versions say nothing about the others.
    auto newest = watched_.end();
    std::string newest_position;
    for (auto it = watched_.begin(); it != watched_.end(); ++it) {
        if (it == next || it->second->resource().plural == "events") continue;
        auto position = it->second->informer->position();
        if (position.empty() || kube::is_older(position, newest_position)) continue;
        newest = it;
        newest_position = std::move(position);
    }
    if (newest == watched_.end()) return {next->second};
    return {next->second, newest->second};
}

void resource_watches::watch_engine(const engine_dialect& dialect, aio::task_group& watches) {
    const auto& kind = dialect.kind();
    watch("kubedb.com", kind.plural, {}, watches,
          {[this, &dialect](const auto& meta, const auto& object) {
               store_.put_database(dialect, meta, object);
           },
           [this, &kind](const auto& meta) { store_.drop_database(kind, meta); }});
    watch("ops.kubedb.com", kind.ops_plural(), {}, watches,
          {[this, &kind](const auto& meta, const auto& object) {
               store_.put_change(kind, meta, object);
           },
           [this, &kind](const auto& meta) { store_.drop_change(kind, meta); }});
    // The catalogue offers the engine. Databases can be created in this version alone.
    const auto served = served_.find("kubedb.com", kind.plural);
    const bool is_offered = served && served->api_version() == database_api;
    const auto catalogue = fmt::format("catalog.kubedb.com/{}", kind.version_plural());
    if (!is_offered && !watched_.contains(catalogue)) return;
    watch("catalog.kubedb.com", kind.version_plural(), {}, watches,
          {[this, &kind](const auto& meta, const auto& object) {
               store_.put_version(kind, meta, object);
           },
           [this, &kind](const auto& meta) { store_.drop_version(kind, meta); }});
}

void resource_watches::watch_common(aio::task_group& watches) {
    const std::string ours(selector_kubedb);
    watch("", "pods", ours, watches,
          {[this](const auto& meta, const auto& object) { store_.put_pod(meta, object); },
           [this](const auto& meta) { store_.drop_pod(meta); }});
    watch("", "persistentvolumeclaims", ours, watches,
          {[this](const auto& meta, const auto& object) { store_.put_claim(meta, object); },
           [this](const auto& meta) { store_.drop_claim(meta); }});
    watch("", "services", ours, watches,
          {[this](const auto& meta, const auto& object) { store_.put_service(meta, object); },
           [this](const auto& meta) { store_.drop_service(meta); }});
    watch("appcatalog.appscode.com", "appbindings", ours, watches,
          {[this](const auto& meta, const auto& object) { store_.put_binding(meta, object); },
           [this](const auto& meta) { store_.drop_binding(meta); }});
    watch("", "events", {}, watches,
          {[this](const auto& meta, const auto& object) { store_.put_event(meta, object); }, {}});
    watch("", "nodes", {}, watches,
          {[this](const auto& meta, const auto& object) { store_.put_node(meta, object); },
           [this](const auto& meta) { store_.drop_node(meta); }});
}

void resource_watches::watch(std::string_view group, std::string_view plural, std::string labels,
                             aio::task_group& watches, object_handlers handlers) {
    const auto resource = served_.find(group, plural);
    auto name = fmt::format("{}/{}", group, plural);
    if (const auto it = watched_.find(name); it != watched_.end()) {
        if (!it->second->has_ended()) return;
        if (resource && *resource == it->second->resource()) return follow(*it->second, watches);
        if (resource) {  // served at another path: no object counts as deleted until its list
            store_.hold();
            watches.spawn(flush_after_timeout());
        }
        it->second->informer->forget();
        watched_.erase(it);
    }
    if (!resource) return;
    auto entry = std::make_shared<resource_watch>(
        std::move(handlers), [this] { refresh_state(); }, log_, *resource);
    entry->informer = kube::make_informer(kube_,
                                          {.kind = *resource,
                                           .label_selector = std::move(labels),
                                           .seed = options_.seed + watched_.size()},
                                          *entry, clock_);
    follow(*entry, watches);
    watched_.emplace(std::move(name), std::move(entry));
}

void resource_watches::follow(resource_watch& entry, aio::task_group& watches) {
    entry.begin();
    watches.spawn([this, &entry]() -> aio::task<> {
        auto ended = co_await entry.informer->run();
        if (!ended && ended.error().cause == kube::status_reason::not_served) {
            // Discovery finds out whether the resource is served at another path.
            entry.end();
            kind_ended_.notify();
        }
        co_return ended;
    });
}

void resource_watches::refresh_state() {
    const auto is_reconnected = [](const auto& each) { return each.second->is_reconnected(); };
    if (std::ranges::any_of(watched_, is_reconnected)) reconnected_.notify();
    if (!is_discovered_) return;
    const auto all = [&](auto is_so) {
        return std::ranges::all_of(watched_, [&](const auto& each) { return is_so(*each.second); });
    };
    if (!all([](const resource_watch& each) { return each.is_connected(); })) {
        set_state(ports::sync_state::disconnected);
    } else if (all([](const resource_watch& each) { return each.is_synced(); })) {
        set_state(ports::sync_state::synced);
    } else {
        set_state(ports::sync_state::starting);
    }
}

void resource_watches::set_state(ports::sync_state next) {
    if (state_.exchange(next) == next || observer_ == nullptr) return;
    // The observer gets the objects of the lists before the state synced.
    if (next == ports::sync_state::synced) store_.flush();
    observer_->on_sync_state(next);
}

}  // namespace kubedb
