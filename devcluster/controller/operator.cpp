#include "devcluster/controller/operator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "aio/keyed_workers.hpp"
#include "devcluster/controller/catalogue.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/local_database.hpp"
#include "devcluster/controller/ops.hpp"
#include "devcluster/controller/storage.hpp"
#include "kube/informer.hpp"
#include "kube/json_text.hpp"

namespace controller {
namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr std::size_t workers_max = 16;
constexpr auto idle_turn = 5s;
constexpr auto request_period = 200ms;  // while one is being carried out

using news = std::function<void(const std::string& place)>;  // empty: the list is complete

// The objects of one kind by "namespace/name", and which changed.
class database_list final : public kube::informer_listener {
  public:
    explicit database_list(news tell) : tell_(std::move(tell)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        auto parsed = kube::parse_json(text);
        if (!parsed || !parsed->is_object()) return;
        const auto place = meta.ns + "/" + meta.name;
        objects[place] = std::move(parsed->get_object());
        tell_(place);
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto place = meta.ns + "/" + meta.name;
        objects.erase(place);
        tell_(place);
    }
    void on_synced() override {
        is_synced = true;
        tell_({});
    }
    void on_sync_state(bool, const std::string&) override {}

    std::map<std::string, json::object> objects;
    bool is_synced = false;

  private:
    news tell_;
};

// Requests by the place of the database that they are for; a change of one concerns that.
class request_list final : public kube::informer_listener {
  public:
    explicit request_list(news tell) : tell_(std::move(tell)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = kube::parse_json(text);
        if (!parsed || !parsed->is_object()) return;
        auto request = read_request(parsed->get_object());
        const auto place = meta.ns + "/" + request.database;
        places_[meta.ns + "/" + meta.name] = place;
        requests_[place][meta.name] = std::move(request);
        tell_(place);
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto at = places_.find(meta.ns + "/" + meta.name);
        if (at == places_.end()) return;
        const auto place = at->second;
        places_.erase(at);
        requests_[place].erase(meta.name);
        if (requests_[place].empty()) requests_.erase(place);
        tell_(place);
    }
    void on_synced() override {}
    void on_sync_state(bool, const std::string&) override {}

    [[nodiscard]] std::vector<ops_request> of(const std::string& place) const {
        std::vector<ops_request> found;
        const auto at = requests_.find(place);
        if (at == requests_.end()) return found;
        for (const auto& [name, request] : at->second) {
            if (!request.is_over()) found.push_back(request);
        }
        return found;
    }

  private:
    std::map<std::string, std::map<std::string, ops_request>> requests_;
    std::map<std::string, std::string> places_;
    news tell_;
};

// The objects of one kind that databases have beside them, by the labels that say whose they are.
// Only of their end there is something to tell: the databases write everything else themselves.
class companion_list final : public kube::informer_listener {
  public:
    // `of` as the labels have it: "redises.kubedb.com", and "namespace/name".
    using loss =
        std::function<void(const std::pair<std::string, std::string>& of, const std::string& name)>;
    explicit companion_list(loss tell) : tell_(std::move(tell)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = kube::parse_json(text);
        if (!parsed || !parsed->is_object()) return;
        const auto& labels = kube::object_or_empty(
            kube::object_or_empty(parsed->get_object(), "metadata"), "labels");
        const auto instance = kube::text_at(labels, "app.kubernetes.io/instance");
        owners_[meta.ns + "/" + meta.name] = {
            std::string(kube::text_at(labels, "app.kubernetes.io/name")),
            fmt::format("{}/{}", meta.ns, instance)};
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto known = owners_.extract(meta.ns + "/" + meta.name);
        if (!known.empty()) tell_(known.mapped(), meta.name);
    }
    void on_synced() override {}
    void on_sync_state(bool, const std::string&) override {}

  private:
    std::map<std::string, std::pair<std::string, std::string>> owners_;
    loss tell_;
};

struct watched_companions {
    std::unique_ptr<companion_list> list;
    std::unique_ptr<kube::informer> informer;
};

// One engine's databases and their requests.
struct resource_watch {
    const engine_kind* kind = nullptr;
    std::unique_ptr<database_list> databases;
    std::unique_ptr<request_list> requests;
    std::unique_ptr<kube::informer> database_informer;
    std::unique_ptr<kube::informer> request_informer;
};

class operator_impl final : public local_operator {
  public:
    operator_impl(aio::executor on, kube::client& client, aio::blocking_pool& pool,
                  const base::clock& clock, obs::log& log, operator_options how)
        : kube_(client),
          clock_(clock),
          log_(log),
          options_(std::move(how)),
          host_{.on = on,
                .kube = client,
                .pool = pool,
                .ports = ports_,
                .clock = clock,
                .log = log,
                .data_dir = options_.data_dir + "/members",
                .as = runtime::choose_user(options_.data_dir),
                .makes_up_addresses = options_.makes_up_addresses},
          workers_(on, base::system_clock(),
                   {.workers_max = workers_max,
                    .turn_period = idle_turn,
                    .on_failure =
                        [this](const std::string& key, const base::failure& why) {
                            // A conflict with another writer is a matter of trying again.
                            log_.info("operator_retry", {{"key", key}, {"detail", why.text}});
                        }},
                   [this](std::string key) { return reconcile(std::move(key)); }),
          loops_(on) {}

    aio::task<> run() override {
        auto offered = co_await offer_catalogue(kube_, options_.data_dir, host_.pool, log_);
        if (!offered) co_return base::pass(std::move(offered), "catalogue");
        if (options_.on_offered) options_.on_offered();
        empty_trash(host_);
        for (const auto& kind : engine_kinds()) watch(kind);
        for (const auto& what :
             {core("pods", "Pod"), core("services", "Service"), core("endpoints", "Endpoints"),
              core("secrets", "Secret"), claims(), pet_sets(), bindings()}) {
            watch_companions(what);
        }
        loops_.on_failure([this](const base::failure& why) {
            log_.error("operator_loop_ended", {{"detail", why.text}});
        });
        co_await workers_.run();
        loops_.cancel();
        co_await loops_.join();
        co_return base::fail(errc::cancelled, "the operator was stopped");
    }

    aio::task<> stop() override {
        for (auto& [key, database] : databases_) database->stop_members();
        for (auto& [key, database] : databases_) co_await database->join_members();
        co_return base::ok();
    }

  private:
    void watch(const engine_kind& kind) {
        const auto engine = std::string(kind.engine);
        auto& made = kinds_[engine];
        made.kind = &kind;
        const auto tell = [this, engine](const std::string& place) { wake(engine, place); };
        made.databases = std::make_unique<database_list>(tell);
        made.requests = std::make_unique<request_list>(tell);
        made.database_informer =
            kube::make_informer(kube_, {.what = database_resource(kind), .seed = options_.seed},
                                *made.databases, clock_);
        loops_.spawn(follow(*made.database_informer, engine));
        if (kind.horizontal_key.empty()) return;
        made.request_informer =
            kube::make_informer(kube_, {.what = request_resource(kind), .seed = options_.seed + 1},
                                *made.requests, clock_);
        loops_.spawn(follow(*made.request_informer, engine));
    }

    void watch_companions(const kube::resource& what) {
        auto list = std::make_unique<companion_list>(
            [this, what](const std::pair<std::string, std::string>& of, const std::string& name) {
                for (const auto& kind : engine_kinds()) {
                    if (of.first != fmt::format("{}.kubedb.com", kind.plural)) continue;
                    const auto key = fmt::format("{} {}", kind.engine, of.second);
                    const auto at = databases_.find(key);
                    if (at == databases_.end() || !at->second) return;
                    at->second->forget(what, name);
                    workers_.add(key);
                }
            });
        auto informer =
            kube::make_informer(kube_,
                                {.what = what,
                                 .label_selector = "app.kubernetes.io/managed-by=kubedb.com",
                                 .seed = options_.seed + 2 + companions_.size()},
                                *list, clock_);
        loops_.spawn(follow(*informer, what.plural));
        companions_.push_back({std::move(list), std::move(informer)});
    }

    // A cluster need not serve every kind.
    aio::task<> follow(kube::informer& informer, std::string what) {
        auto ended = co_await informer.run();
        if (!ended && ended.error().reason == "not_served") {
            log_.info("kind_not_served", {{"kind", what}, {"detail", ended.error().text}});
            co_return base::ok();
        }
        co_return ended;
    }

    void wake(const std::string& engine, const std::string& place) {
        if (place.empty()) {  // the list is complete
            loops_.spawn(clean_leftovers(engine));
            return;
        }
        workers_.add(engine + " " + place);
    }

    // Folders that no object stands for, left by a crash between the end of the object and the end
    // of its data. A volume claim that was kept stands for its folder.
    aio::task<> clean_leftovers(std::string engine) {
        const auto* kind = kinds_[engine].kind;
        const kube::list_options ours{
            .label_selector = fmt::format("app.kubernetes.io/name={}.kubedb.com", kind->plural)};
        auto held = co_await kube_.list(claims(), {}, ours);
        if (!held) co_return base::pass(std::move(held), "leftovers of " + engine);
        std::set<std::string> kept;
        for (const auto& each : held->items) {
            const auto* metadata = kube::object_at(each, "metadata");
            const auto* labels =
                metadata == nullptr ? nullptr : kube::object_at(*metadata, "labels");
            if (labels == nullptr) continue;
            kept.insert(fmt::format("{}/{}", kube::text_at(*metadata, "namespace"),
                                    kube::text_at(*labels, "app.kubernetes.io/instance")));
        }
        const auto& present = kinds_[engine].databases->objects;
        for (const auto& place : stored_databases(host_, engine)) {
            if (kept.contains(place) || present.contains(place)) continue;
            log_.info("leftover_removed", {{"engine", engine}, {"database", place}});
            discard_folder(host_, fmt::format("{}/{}/{}", host_.data_dir, engine, place));
        }
        co_return base::ok();
    }

    aio::task<aio::requeue_after> reconcile(std::string key) {
        const auto space = key.find(' ');
        const auto engine = key.substr(0, space);
        const auto place = key.substr(space + 1);
        auto& kind = kinds_[engine];
        auto& database = databases_[key];
        const auto at = kind.databases->objects.find(place);
        if (at == kind.databases->objects.end()) {
            // Gone without us (its finalizer was taken away): nothing may go on running.
            const auto held = database;
            base::outcome<void> left;
            if (held) left = co_await held->abandon();
            if (!left) co_return base::pass(left);
            databases_.erase(key);
            if (!kind.databases->is_synced) co_return aio::requeue_after();
            const auto refused =
                co_await refuse_requests(host_, *kind.kind, kind.requests->of(place));
            if (!refused) co_return base::pass(refused);
            co_return aio::requeue_after();
        }
        if (!database) {
            database = std::make_shared<local_database>(host_, *kind.kind,
                                                        [this, key] { workers_.add(key); });
        }
        const auto held = database;
        const auto object = at->second;
        auto brought = co_await held->reconcile(object);
        if (!brought) co_return base::pass(brought);
        if (held->is_gone()) {
            databases_.erase(key);
            co_return aio::requeue_after();
        }
        if (!held->can_run()) co_return aio::requeue_after();
        auto served =
            co_await serve_requests(host_, *kind.kind, *held, object, kind.requests->of(place));
        if (!served) co_return base::pass(std::move(served));
        if (*served) co_return aio::requeue_after(request_period);
        co_return aio::requeue_after();
    }

    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    operator_options options_;
    runtime::port_registry ports_;
    host host_;
    std::map<std::string, resource_watch> kinds_;
    std::vector<watched_companions> companions_;
    std::map<std::string, std::shared_ptr<local_database>> databases_;
    aio::keyed_workers workers_;
    aio::task_group loops_;
};

}  // namespace

std::unique_ptr<local_operator> make_operator(aio::executor on, kube::client& client,
                                              aio::blocking_pool& pool, const base::clock& clock,
                                              obs::log& log, operator_options how) {
    return std::make_unique<operator_impl>(std::move(on), client, pool, clock, log, std::move(how));
}

}  // namespace controller
