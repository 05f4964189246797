#include "kubedb/kubedb_cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "kube/discovery.hpp"
#include "kube/json_text.hpp"
#include "kubedb/credentials.hpp"
#include "kubedb/dependent_object.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observed_store.hpp"
#include "kubedb/owned_object.hpp"
#include "kubedb/resource_watch.hpp"
#include "kubedb/served_resources.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;
using base::errc;
using base::fail;

// How long the first lists are waited for, from when it is known which there are.
constexpr std::chrono::seconds first_lists_patience{15};
constexpr std::chrono::seconds count_period{1};

ports::database_key key_of(const domain::database& record) {
    return {.project = record.project, .engine = record.engine, .name = record.name};
}

class cluster_impl final : public ports::cluster {
  public:
    cluster_impl(aio::executor on, kube::client& client, const base::clock& clock, obs::log& log,
                 obs::registry& registry, cluster_options how)
        : executor_(on),
          kube_(client),
          clock_(clock),
          log_(log),
          registry_(registry),
          options_(std::move(how)),
          mirror_(on, clock, options_.events_kept),
          kind_ended_(on) {
        kube_.on_call([this](const kube::call_record& call) { count(call); });
    }

    aio::task<void> run(ports::cluster_observer& observer) override {
        observer_ = &observer;
        mirror_.observe_by(&observer);
        aio::task_group watches(executor_);
        watches.on_failure([this](const base::failure& why) {
            log_.warning("watch_ended", {{"code", base::name(why.code)}, {"detail", why.text}});
        });
        mirror_.hold();
        watches.spawn([this]() -> aio::task<> {
            while (true) {
                for (const auto& [name, each] : watched_) each->count(registry_, clock_.now());
                auto slept = co_await aio::sleep_for(count_period);
                if (!slept) co_return slept;
            }
        });
        watches.spawn([this]() -> aio::task<> { return sweep_requests(); });
        aio::backoff waits({}, options_.seed);
        while (true) {
            const bool is_calm = std::ranges::none_of(
                watched_, [](const auto& each) { return each.second->has_ended(); });
            auto found = co_await watch_new_resources(watches);
            std::chrono::nanoseconds pause = options_.rediscover;
            if (!found) {
                if (found.error().code == errc::cancelled) break;
                if (!is_discovered_) set_state(ports::sync_state::disconnected);
                log_.warning("discovery_failed", {{"detail", found.error().text}});
                pause = waits.next();
            } else if (is_calm) {
                waits.reset();
            }
            auto woken = co_await kind_ended_.wait_for(pause);
            if (!woken) break;
            if (!*woken) continue;
            // Looked at again soon; not at once, it may end again and again.
            auto slept = co_await aio::sleep_for(waits.next());
            if (!slept) break;
        }
        watches.cancel();
        co_await watches.join();
        observer_ = nullptr;
        mirror_.observe_by(nullptr);
        co_return fail(errc::cancelled, "the watches were stopped");
    }

    // ---- writes --------------------------------------------------------------------------

    aio::task<void> ensure_project(domain::project project) override {
        if (known_projects_.contains(project.name)) co_return base::ok();
        const kube::resource what{
            .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
        auto made = co_await kube_.create(what, {}, namespace_manifest(project));
        if (!made && made.error().reason == "AlreadyExists") {
            auto there = co_await kube_.get(what, {}, namespace_of(project.name));
            if (!there && there.error().code == errc::not_found) co_return going(project.name);
            if (!there) co_return base::pass(std::move(there));
            const auto& metadata = kube::object_or_empty(*there, "metadata");
            const auto& labels = kube::object_or_empty(metadata, "labels");
            if (kube::text_at(labels, label_project) != project.name) {
                co_return fail(errc::conflict,
                               fmt::format("namespace '{}' exists and is not the platform's",
                                           namespace_of(project.name)),
                               "not_owned");
            }
            if (metadata.contains("deletionTimestamp")) co_return going(project.name);
        } else if (!made) {
            co_return base::pass(std::move(made));
        }
        known_projects_.insert(project.name);
        co_return base::ok();
    }

    aio::task<std::string> create(domain::database record) override {
        if (!is_discovered_) co_return not_read_yet();
        const auto place = served_.place_of(record.engine);
        if (!place) co_return std::unexpected(place.error());
        const auto& [kind, what] = *place;
        if (needs_companion(*kind, record)) {
            // First, because KubeDB's operator waits for it.
            const auto companion = served_.companion_of(*kind);
            if (!companion) co_return std::unexpected(companion.error());
            auto ensured = co_await ensure_companion(kube_, **companion, *kind, record);
            if (!ensured) co_return not_created(std::move(ensured).error(), record);
        }
        auto made = co_await create_or_get(kube_, *what, database_manifest(*kind, record));
        if (!made) co_return not_created(std::move(made).error(), record);
        co_return made;
    }

    aio::task<void> update(domain::database record) override {
        if (!is_discovered_) co_return not_read_yet();
        const auto place = served_.place_of(record.engine);
        if (!place) co_return std::unexpected(place.error());
        const auto& [kind, what] = *place;
        auto seen = co_await look_at(*kind, *what, record);
        if (!seen) co_return base::pass(std::move(seen));
        resource_pointer beside;
        if (needs_companion(*kind, record)) {
            // First: the database is what is watched, so while it differs both are done again.
            const auto companion = served_.companion_of(*kind);
            if (!companion) co_return std::unexpected(companion.error());
            beside = *companion;
            auto updated = co_await update_companion(kube_, *beside, *kind, record);
            if (!updated) co_return updated;
        }
        // The object may have changed hands since.
        auto patched = co_await patch_by_uid(
            kube_, *what, {namespace_of(record.project), record.name, record.object_uid},
            update_patch(*kind, record, seen->labels));
        if (patched || !beside) co_return patched;
        co_return co_await take_back_companion(kube_, *beside, *kind, record, seen->paused,
                                               std::move(patched).error(), log_);
    }

    aio::task<void> request_change(domain::database record, domain::change_kind change,
                                   std::string operation_id) override {
        if (!is_discovered_) co_return not_read_yet();
        const auto place = served_.place_of(record.engine);
        if (!place) co_return std::unexpected(place.error());
        const auto& [kind, database] = *place;
        const auto requests = served_.look_up("ops.kubedb.com", kind->ops_plural());
        if (!requests) co_return std::unexpected(requests.error());
        const auto unsupported = [&] {
            return fail(errc::unsupported,
                        fmt::format("{} cannot be changed that way here", record.engine),
                        "change_not_supported");
        };
        if (!*requests) co_return unsupported();
        // A request names its database: it would change whatever has the name now.
        auto seen = co_await look_at(*kind, *database, record);
        if (!seen) co_return base::pass(std::move(seen));
        const auto manifest = ops_manifest(*kind, record, seen->topology, change, operation_id);
        if (!manifest) co_return unsupported();
        auto made = co_await kube_.create(**requests, namespace_of(record.project), *manifest);
        if (!made && made.error().reason != "AlreadyExists") co_return base::pass(std::move(made));
        co_return base::ok();
    }

    aio::task<bool> remove(domain::database record) override {
        if (!is_discovered_) co_return not_read_yet();
        const auto* kind = find_kind(record.engine);
        if (kind == nullptr) co_return true;  // never could be made
        const auto what = served_.look_up("kubedb.com", kind->plural);
        if (!what) co_return std::unexpected(what.error());
        if (*what) {  // without the kind there is no object, but what it left may be there
            auto present = co_await kube_.get(**what, namespace_of(record.project), record.name);
            if (present) {
                co_return co_await remove_present(*kind, *what, record, std::move(*present));
            }
            if (present.error().code != errc::not_found) co_return base::pass(std::move(present));
        }
        // Looked for whatever the topology is now: it may have been another one.
        const auto companion = served_.look_up("kubedb.com", kind->companion.plural);
        if (!companion) co_return std::unexpected(companion.error());
        if (*companion) {
            auto gone = co_await remove_companion(kube_, **companion, *kind, record);
            if (!gone || !*gone) co_return gone;
        }
        const auto requests = served_.look_up("ops.kubedb.com", kind->ops_plural());
        if (!requests) co_return std::unexpected(requests.error());
        co_return co_await remove_leftovers(kube_, *kind, record, *requests,
                                            mirror_.requests_of(key_of(record)));
    }

    aio::task<ports::credentials> read_credentials(domain::database record) override {
        if (!is_discovered_) co_return not_read_yet();
        const auto* kind = find_kind(record.engine);
        const auto what = kind == nullptr ? nullptr : find_resource("kubedb.com", kind->plural);
        const auto binding = find_resource("appcatalog.appscode.com", "appbindings");
        if (!what || !binding) co_return no_credentials("the cluster has no AppBindings");
        // Binding and secret go by the name, which may be somebody else's now.
        auto seen = co_await look_at(*kind, *what, record);
        if (!seen) co_return not_readable(std::move(seen).error(), record);
        const auto home = namespace_of(record.project);
        auto bound = co_await kube_.get(*binding, home, record.name);
        if (!bound) co_return not_readable(std::move(bound).error(), record);
        auto found = co_await kube_.get({.version = "v1", .plural = "secrets", .kind = "Secret"},
                                        home, secret_of(*bound, record.name));
        if (!found) co_return not_readable(std::move(found).error(), record);
        co_return credentials_of(*kind, *bound, *found);
    }

    [[nodiscard]] ports::sync_state state() const noexcept override { return state_.load(); }

  private:
    resource_pointer find_resource(std::string_view group, std::string_view plural) const {
        return served_.find(group, plural);
    }

    // Which kinds there are is not known yet: whatever was said of them would be a guess.
    static std::unexpected<base::failure> not_read_yet() {
        return fail(errc::unavailable, "the cluster was not read yet");
    }
    static std::unexpected<base::failure> going(const std::string& project) {
        return fail(errc::unavailable,
                    fmt::format("namespace '{}' is being deleted", namespace_of(project)),
                    "deleting");
    }
    // Why an object was not created, in the port's words.
    std::unexpected<base::failure> not_created(base::failure why, const domain::database& record) {
        const auto is_going = [](const base::field_error& each) {
            return each.code == "NamespaceTerminating";
        };
        if (std::ranges::any_of(why.fields, is_going)) {
            known_projects_.erase(record.project);
            return fail(errc::conflict, "the project's namespace is being deleted", "deleting");
        }
        if (why.code == errc::not_found) {
            known_projects_.erase(record.project);
            return fail(errc::unavailable, "the project's namespace is not there",
                        "project_missing");
        }
        // Kubernetes forbids what is beyond a ResourceQuota.
        if (why.code == errc::denied && why.text.contains("exceeded quota")) {
            why.code = errc::limit;
        }
        return std::unexpected(std::move(why));
    }
    static std::unexpected<base::failure> no_credentials(std::string why) {
        return fail(errc::conflict, std::move(why), "credentials_not_ready");
    }
    // Why an object was not read. What the cluster refuses it refuses to the platform, not to the
    // one who asks it, and its words name the platform's account.
    std::unexpected<base::failure> not_readable(base::failure why, const domain::database& record) {
        const bool is_missing = why.code == errc::not_found || why.code == errc::precondition;
        if (is_missing) return no_credentials("the database has no credentials yet");
        const bool is_refused =
            why.code == errc::denied || why.code == errc::invalid || why.code == errc::unsupported;
        if (!is_refused) return std::unexpected(std::move(why));
        log_.error("credentials_refused",
                   {{"database_id", record.id}, {"detail", why.text}, {"reason", why.reason}});
        return fail(errc::unavailable,
                    "the cluster refuses the platform the credentials; its log says why",
                    "cluster_refused");
    }

    // The record's object. Failures: not_found, precondition (another uid is there now), the
    // client's.
    aio::task<domain::observed_database> look_at(const engine_kind& kind, kube::resource what,
                                                 domain::database record) {
        auto present =
            co_await kube_.get(std::move(what), namespace_of(record.project), record.name);
        if (!present) co_return base::pass(std::move(present));
        auto seen = observe_database(kind, *present);
        if (seen.uid != record.object_uid) {
            co_return fail(errc::precondition, "another object has the name now");
        }
        co_return seen;
    }

    // As remove(), for the object that has the record's name.
    aio::task<bool> remove_present(const engine_kind& kind, resource_pointer what,
                                   domain::database record, json::object present) {
        const auto seen = observe_database(kind, present);
        const bool is_ours = record.object_uid.empty() ? seen.owner_database_id == record.id
                                                       : seen.uid == record.object_uid;
        if (!is_ours && record.object_uid.empty()) co_return true;  // never was one of ours
        if (!is_ours) {
            co_return fail(errc::precondition,
                           "another object has the name now; nothing was touched");
        }
        if (!seen.deleting) {
            auto asked = co_await delete_object(kube_, *what, kind, std::move(present));
            if (!asked) co_return base::pass(std::move(asked));
        }
        co_return false;
    }

    // ---- watches -------------------------------------------------------------------------

    aio::task<> watch_new_resources(aio::task_group& watches) {
        auto found = co_await kube::discover(
            kube_,
            {"kubedb.com", "ops.kubedb.com", "catalog.kubedb.com", "appcatalog.appscode.com", ""});
        if (!found) co_return base::pass(std::move(found));
        served_.replace(std::move(*found));
        for (const auto& kind : all_kinds()) watch_engine(kind, watches);
        watch_common(watches);
        if (!std::exchange(is_discovered_, true)) watches.spawn(tell_after_patience());
        refresh_state();
        co_return base::ok();
    }

    // A list that does not come must not keep back the others for ever.
    aio::task<> tell_after_patience() {
        auto slept = co_await aio::sleep_for(first_lists_patience);
        if (slept && state_.load() != ports::sync_state::synced) mirror_.flush();
        co_return slept;
    }

    void watch_engine(const engine_kind& kind, aio::task_group& watches) {
        const auto* k = &kind;
        watch("kubedb.com", kind.plural, {}, watches,
              {[this, k](const auto& meta, const auto& object) {
                   mirror_.put_database(*k, meta, object);
               },
               [this, k](const auto& meta) { mirror_.drop_database(*k, meta); }});
        watch("ops.kubedb.com", kind.ops_plural(), {}, watches,
              {[this, k](const auto& meta, const auto& object) {
                   mirror_.put_change(*k, meta, object);
               },
               [this, k](const auto& meta) { mirror_.drop_change(*k, meta); }});
        watch("catalog.kubedb.com", kind.version_plural(), {}, watches,
              {[this, k](const auto& meta, const auto& object) {
                   mirror_.put_version(*k, meta, object);
               },
               [this, k](const auto& meta) { mirror_.drop_version(*k, meta); }});
    }

    void watch_common(aio::task_group& watches) {
        const std::string ours(selector_kubedb);
        watch("", "pods", ours, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_pod(meta, object); },
               [this](const auto& meta) { mirror_.drop_pod(meta); }});
        watch("", "persistentvolumeclaims", ours, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_claim(meta, object); },
               [this](const auto& meta) { mirror_.drop_claim(meta); }});
        watch("", "services", ours, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_service(meta, object); },
               [this](const auto& meta) { mirror_.drop_service(meta); }});
        watch("appcatalog.appscode.com", "appbindings", ours, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_binding(meta, object); },
               [this](const auto& meta) { mirror_.drop_binding(meta); }});
        watch("", "events", {}, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_event(meta, object); },
               {}});
        watch("", "nodes", {}, watches,
              {[this](const auto& meta, const auto& object) { mirror_.put_node(meta, object); },
               [this](const auto& meta) { mirror_.drop_node(meta); }});
    }

    void watch(std::string_view group, std::string_view plural, std::string labels,
               aio::task_group& watches, feed into) {
        const auto what = find_resource(group, plural);
        auto name = fmt::format("{}/{}", group, plural);
        if (const auto at = watched_.find(name); at != watched_.end()) {
            if (!at->second->has_ended()) return;
            if (what && *what == at->second->what()) return follow(*at->second, watches);
            if (what) {  // served elsewhere now; until it was read there, nothing has gone
                mirror_.hold();
                watches.spawn(tell_after_patience());
            }
            at->second->informer->forget();
            watched_.erase(at);
        }
        if (!what) return;
        auto made = std::make_unique<resource_watch>(
            std::move(into), [this] { refresh_state(); }, log_, *what);
        made->informer = kube::make_informer(kube_,
                                             {.what = *what,
                                              .label_selector = std::move(labels),
                                              .seed = options_.seed + watched_.size()},
                                             *made, clock_);
        follow(*made, watches);
        watched_.emplace(std::move(name), std::move(made));
    }

    void follow(resource_watch& which, aio::task_group& watches) {
        which.begin();
        watches.spawn([this, &which]() -> aio::task<> {
            auto ended = co_await which.informer->run();
            if (!ended && ended.error().reason == "not_served") {
                // What has become of the kind is for discovery to say.
                which.end();
                kind_ended_.notify();
            }
            co_return ended;
        });
    }

    aio::task<> sweep_requests() {
        while (true) {
            auto slept = co_await aio::sleep_for(options_.sweep);
            if (!slept) co_return slept;
            auto swept = co_await delete_requests(
                kube_, served_,
                mirror_.old_requests(clock_.utc_now() - options_.requests_kept,
                                     options_.swept_at_once));
            if (swept || swept.error().code == errc::cancelled) continue;
            log_.warning("requests_not_deleted", {{"detail", swept.error().text}});
        }
    }

    void refresh_state() {
        if (!is_discovered_) return;
        const auto all = [&](auto is_so) {
            return std::ranges::all_of(watched_,
                                       [&](const auto& each) { return is_so(*each.second); });
        };
        if (!all([](const resource_watch& each) { return each.is_linked(); })) {
            set_state(ports::sync_state::disconnected);
        } else if (all([](const resource_watch& each) { return each.is_synced(); })) {
            set_state(ports::sync_state::synced);
        } else {
            set_state(ports::sync_state::starting);
        }
    }

    void set_state(ports::sync_state next) {
        if (state_.exchange(next) == next || observer_ == nullptr) return;
        // What the lists have brought comes before the word that they are complete.
        if (next == ports::sync_state::synced) mirror_.flush();
        observer_->on_sync_state(next);
    }

    void count(const kube::call_record& call) {
        registry_
            .make_counter(
                "dbaas_kubernetes_requests_total",
                "Requests to the Kubernetes API by verb, resource and status; 0: no answer.",
                {{"verb", std::string(call.verb)},
                 {"resource", std::string(call.resource)},
                 {"status", std::to_string(call.status)}})
            .add();
        registry_
            .make_histogram("dbaas_kubernetes_request_duration_seconds",
                            "How long requests to the Kubernetes API took.",
                            obs::latency_bounds_seconds(), {{"verb", std::string(call.verb)}})
            .observe(std::chrono::duration<double>(call.took).count());
    }

    aio::executor executor_;
    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    obs::registry& registry_;
    cluster_options options_;
    observed_store mirror_;
    aio::notification kind_ended_;
    ports::cluster_observer* observer_ = nullptr;
    served_resources served_;
    std::map<std::string, std::unique_ptr<resource_watch>> watched_;
    std::set<std::string> known_projects_;
    std::atomic<ports::sync_state> state_{ports::sync_state::starting};
    bool is_discovered_ = false;
};

}  // namespace

std::unique_ptr<ports::cluster> make_cluster(aio::executor on, kube::client& client,
                                             const base::clock& clock, obs::log& log,
                                             obs::registry& registry, cluster_options how) {
    return std::make_unique<cluster_impl>(std::move(on), client, clock, log, registry,
                                          std::move(how));
}

}  // namespace kubedb
