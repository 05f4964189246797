#include "devcluster/controller/operator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "aio/keyed_workers.hpp"
#include "devcluster/controller/catalogue.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/local_database.hpp"
#include "devcluster/controller/ops.hpp"
#include "devcluster/controller/storage.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/informer.hpp"
#include "kube/status_reason.hpp"

namespace controller {
namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr std::size_t workers_max = 16;
constexpr auto idle_turn = 5s;
constexpr auto request_period = 200ms;  // while one is in progress

using change_listener = std::function<void(const std::string& ref)>;  // empty: the list is complete

// The objects of one kind by "namespace/name", and which changed.
class database_list final : public kube::informer_listener {
  public:
    explicit database_list(change_listener notify) : notify_(std::move(notify)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        auto parsed = json::try_parse(text);
        if (!parsed || !parsed->is_object()) return;
        const auto ref = meta.ns + "/" + meta.name;
        objects[ref] = std::move(parsed->get_object());
        notify_(ref);
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto ref = meta.ns + "/" + meta.name;
        objects.erase(ref);
        notify_(ref);
    }
    void on_synced() override {
        is_synced = true;
        notify_({});
    }
    void on_sync_state(bool, const std::string&) override {}

    std::map<std::string, json::object> objects;
    bool is_synced = false;

  private:
    change_listener notify_;
};

// OpsRequests by "namespace/name" of their database. A change of a request enqueues its database.
class request_list final : public kube::informer_listener {
  public:
    explicit request_list(change_listener notify) : notify_(std::move(notify)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = json::try_parse(text);
        if (!parsed || !parsed->is_object()) return;
        auto request = read_request(parsed->get_object());
        const auto ref = meta.ns + "/" + request.database;
        refs_[meta.ns + "/" + meta.name] = ref;
        requests_[ref][meta.name] = std::move(request);
        notify_(ref);
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto it = refs_.find(meta.ns + "/" + meta.name);
        if (it == refs_.end()) return;
        const auto ref = it->second;
        refs_.erase(it);
        requests_[ref].erase(meta.name);
        if (requests_[ref].empty()) requests_.erase(ref);
        notify_(ref);
    }
    void on_synced() override {}
    void on_sync_state(bool, const std::string&) override {}

    [[nodiscard]] std::vector<ops_request> of(const std::string& ref) const {
        std::vector<ops_request> requests;
        const auto it = requests_.find(ref);
        if (it == requests_.end()) return requests;
        for (const auto& [name, request] : it->second) {
            if (!request.is_over()) requests.push_back(request);
        }
        return requests;
    }

  private:
    std::map<std::string, std::map<std::string, ops_request>> requests_;
    std::map<std::string, std::string> refs_;
    change_listener notify_;
};

// The objects of one kind that the operator creates for databases; labels identify the database.
// Only deletions matter: the databases write all other changes themselves.
class owned_object_list final : public kube::informer_listener {
  public:
    // `owner` as in the labels: "redises.kubedb.com", and "namespace/name".
    using deletion_listener = std::function<void(const std::pair<std::string, std::string>& owner,
                                                 const std::string& name)>;
    explicit owned_object_list(deletion_listener notify) : notify_(std::move(notify)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = json::try_parse(text);
        if (!parsed || !parsed->is_object()) return;
        const auto& labels = json::object_or_empty(
            json::object_or_empty(parsed->get_object(), "metadata"), "labels");
        const auto instance = json::text_at(labels, "app.kubernetes.io/instance");
        owners_[meta.ns + "/" + meta.name] = {
            std::string(json::text_at(labels, "app.kubernetes.io/name")),
            fmt::format("{}/{}", meta.ns, instance)};
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto known = owners_.extract(meta.ns + "/" + meta.name);
        if (!known.empty()) notify_(known.mapped(), meta.name);
    }
    void on_synced() override {}
    void on_sync_state(bool, const std::string&) override {}

  private:
    std::map<std::string, std::pair<std::string, std::string>> owners_;
    deletion_listener notify_;
};

struct owned_object_watch {
    std::unique_ptr<owned_object_list> list;
    std::unique_ptr<kube::informer> informer;
};

// The watches of an engine: its databases and their OpsRequests.
struct resource_watch {
    const engine_kind* kind = nullptr;
    std::unique_ptr<database_list> databases;
    std::unique_ptr<request_list> requests;
    std::unique_ptr<kube::informer> database_informer;
    std::unique_ptr<kube::informer> request_informer;
};

class operator_impl final : public local_operator {
  public:
    operator_impl(aio::executor executor, kube::client& client, aio::blocking_pool& pool,
                  const base::clock& clock, obs::log& log, operator_options options)
        : kube_(client),
          clock_(clock),
          log_(log),
          options_(std::move(options)),
          deps_{.executor = executor,
                .kube = client,
                .pool = pool,
                .ports = ports_,
                .clock = clock,
                .log = log,
                .data_dir = options_.data_dir + "/members",
                .as = runtime::choose_user(options_.data_dir),
                .uses_synthetic_addresses = options_.uses_synthetic_addresses},
          workers_(executor, base::system_clock(),
                   {.workers_max = workers_max,
                    .turn_period = idle_turn,
                    .on_failure =
                        [this](const std::string& key, const base::failure& failure) {
                            // Conflicts with other writers are expected; the retry resolves them.
                            log_.info("operator_retry", {{"key", key}, {"detail", failure.text}});
                        }},
                   [this](std::string key) { return reconcile(std::move(key)); }),
          loops_(executor) {}

    aio::task<> run() override {
        auto offered = co_await offer_catalogue(kube_, options_.data_dir, deps_.pool, log_);
        if (!offered) co_return base::pass(std::move(offered), "catalogue");
        if (options_.on_offered) options_.on_offered();
        delete_trash(deps_);
        for (const auto& kind : engine_kinds()) watch(kind);
        for (const auto& resource :
             {core("pods", "Pod"), core("services", "Service"), core("endpoints", "Endpoints"),
              core("secrets", "Secret"), claims(), pet_sets(), bindings()}) {
            watch_owned_objects(resource);
        }
        loops_.on_failure([this](const base::failure& failure) {
            log_.error("operator_loop_ended", {{"detail", failure.text}});
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
        auto& watch = kinds_[engine];
        watch.kind = &kind;
        const auto notify = [this, engine](const std::string& ref) { enqueue(engine, ref); };
        watch.databases = std::make_unique<database_list>(notify);
        watch.requests = std::make_unique<request_list>(notify);
        watch.database_informer =
            kube::make_informer(kube_, {.kind = database_resource(kind), .seed = options_.seed},
                                *watch.databases, clock_);
        loops_.spawn(follow(*watch.database_informer, engine));
        if (kind.horizontal_key.empty()) return;
        watch.request_informer =
            kube::make_informer(kube_, {.kind = request_resource(kind), .seed = options_.seed + 1},
                                *watch.requests, clock_);
        loops_.spawn(follow(*watch.request_informer, engine));
    }

    void watch_owned_objects(const kube::resource& resource) {
        auto list = std::make_unique<owned_object_list>(
            [this, resource](const std::pair<std::string, std::string>& owner,
                             const std::string& name) {
                for (const auto& kind : engine_kinds()) {
                    if (owner.first != fmt::format("{}.kubedb.com", kind.plural)) continue;
                    const auto key = fmt::format("{} {}", kind.engine, owner.second);
                    const auto it = databases_.find(key);
                    if (it == databases_.end() || !it->second) return;
                    it->second->forget(resource, name);
                    workers_.add(key);
                }
            });
        auto informer =
            kube::make_informer(kube_,
                                {.kind = resource,
                                 .label_selector = "app.kubernetes.io/managed-by=kubedb.com",
                                 .seed = options_.seed + 2 + owned_watches_.size()},
                                *list, clock_);
        loops_.spawn(follow(*informer, resource.plural));
        owned_watches_.push_back({std::move(list), std::move(informer)});
    }

    // A cluster may not serve every kind.
    aio::task<> follow(kube::informer& informer, std::string name) {
        auto ended = co_await informer.run();
        if (!ended && ended.error().cause == kube::status_reason::not_served) {
            log_.info("kind_not_served", {{"kind", name}, {"detail", ended.error().text}});
            co_return base::ok();
        }
        co_return ended;
    }

    void enqueue(const std::string& engine, const std::string& ref) {
        if (ref.empty()) {  // the list is complete
            loops_.spawn(clean_leftovers(engine));
            return;
        }
        workers_.add(engine + " " + ref);
    }

    // Deletes folders without an object, which a crash leaves between the deletion of the object
    // and of its data. A remaining volume claim keeps its folder.
    aio::task<> clean_leftovers(std::string engine) {
        const auto* kind = kinds_[engine].kind;
        const kube::list_options ours{
            .label_selector = fmt::format("app.kubernetes.io/name={}.kubedb.com", kind->plural)};
        auto claims_listed = co_await kube_.list(claims(), {}, ours);
        if (!claims_listed)
            co_return base::pass(std::move(claims_listed), "leftovers of " + engine);
        std::set<std::string> claimed;
        for (const auto& each : claims_listed->items) {
            const auto* metadata = json::object_at(each, "metadata");
            const auto* labels =
                metadata == nullptr ? nullptr : json::object_at(*metadata, "labels");
            if (labels == nullptr) continue;
            claimed.insert(fmt::format("{}/{}", json::text_at(*metadata, "namespace"),
                                       json::text_at(*labels, "app.kubernetes.io/instance")));
        }
        const auto& present = kinds_[engine].databases->objects;
        for (const auto& ref : stored_databases(deps_, engine)) {
            if (claimed.contains(ref) || present.contains(ref)) continue;
            log_.info("leftover_removed", {{"engine", engine}, {"database", ref}});
            discard_folder(deps_, fmt::format("{}/{}/{}", deps_.data_dir, engine, ref));
        }
        co_return base::ok();
    }

    aio::task<aio::requeue_after> reconcile(std::string key) {
        const auto space = key.find(' ');
        const auto engine = key.substr(0, space);
        const auto ref = key.substr(space + 1);
        auto& kind = kinds_[engine];
        auto& database = databases_[key];
        const auto it = kind.databases->objects.find(ref);
        if (it == kind.databases->objects.end()) {
            // The object was deleted without this operator, for example because its finalizer was
            // removed. Its members must not continue to run.
            const auto current = database;
            base::outcome<void> left;
            if (current) left = co_await current->delete_everything();
            if (!left) co_return base::pass(left);
            databases_.erase(key);
            if (!kind.databases->is_synced) co_return aio::requeue_after();
            const auto rejected =
                co_await reject_requests(deps_, *kind.kind, kind.requests->of(ref));
            if (!rejected) co_return base::pass(rejected);
            co_return aio::requeue_after();
        }
        if (!database) {
            database = std::make_shared<local_database>(deps_, *kind.kind,
                                                        [this, key] { workers_.add(key); });
        }
        const auto current = database;
        const auto object = it->second;
        auto reconciled = co_await current->reconcile(object);
        if (!reconciled) co_return base::pass(reconciled);
        if (current->is_deleted()) {
            databases_.erase(key);
            co_return aio::requeue_after();
        }
        if (!current->can_run()) co_return aio::requeue_after();
        auto has_work =
            co_await serve_requests(deps_, *kind.kind, *current, object, kind.requests->of(ref));
        if (!has_work) co_return base::pass(std::move(has_work));
        if (*has_work) co_return aio::requeue_after(request_period);
        co_return aio::requeue_after();
    }

    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    operator_options options_;
    runtime::port_registry ports_;
    operator_deps deps_;
    std::map<std::string, resource_watch> kinds_;
    std::vector<owned_object_watch> owned_watches_;
    std::map<std::string, std::shared_ptr<local_database>> databases_;
    aio::keyed_workers workers_;
    aio::task_group loops_;
};

}  // namespace

std::unique_ptr<local_operator> make_operator(aio::executor executor, kube::client& client,
                                              aio::blocking_pool& pool, const base::clock& clock,
                                              obs::log& log, operator_options options) {
    return std::make_unique<operator_impl>(std::move(executor), client, pool, clock, log,
                                           std::move(options));
}

}  // namespace controller
