#pragma once
// Combines the objects that the watches deliver, in any order, into one observation per database.
// Notifies the observer of a database once per turn of the loop, and only if the observation
// changed. No I/O. Inside kubedb only.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "json/json.hpp"
#include "kube/informer.hpp"
#include "kubedb/event_index.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observe.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

// Maps objects of one resource to the database that they belong to. An object that is deleted may
// lack the labels that name the database, so the map remembers them. Keys are "<namespace>/<name>".
class owned_objects {
  public:
    // Returns whether the object is new or had another database.
    bool put(std::string object, const ports::database_key& key) {
        const auto [it, is_new] = keys_.try_emplace(std::move(object), key);
        return is_new || std::exchange(it->second, key) != key;
    }
    // Returns the database of the object, and removes the object. nullopt if it is unknown.
    std::optional<ports::database_key> drop(const std::string& object) {
        auto node = keys_.extract(object);
        if (node.empty()) return std::nullopt;
        return std::move(node.mapped());
    }
    // Returns the database of the object; nullopt if it is unknown.
    [[nodiscard]] std::optional<ports::database_key> find(const std::string& object) const {
        const auto it = keys_.find(object);
        return it == keys_.end() ? std::nullopt : std::optional(it->second);
    }

  private:
    std::unordered_map<std::string, ports::database_key> keys_;
};

class observed_store {
  public:
    observed_store(aio::executor executor, const base::clock& clock, std::size_t events_kept)
        : executor_(std::move(executor)),
          clock_(clock),
          events_(clock, {.events_max = events_kept}) {}
    void set_observer(ports::cluster_observer* observer) { observer_ = observer; }

    // Ignore objects outside of the platform's namespaces.
    void put_database(const engine_dialect& dialect, const kube::object_meta& meta,
                      const json::object& object);
    void drop_database(const engine_kind& kind, const kube::object_meta& meta);
    // Applies the result of a live read, `object` or nullptr for none, and notifies the observer
    // at once. Ignored unless the store holds the object with the uid `expected_uid`: then a watch
    // has already reported something newer.
    void apply_read(const engine_dialect& dialect, const kube::object_meta& meta,
                    const std::string& expected_uid, const json::object* object);
    void put_change(const engine_kind& kind, const kube::object_meta& meta,
                    const json::object& object);
    void drop_change(const engine_kind& kind, const kube::object_meta& meta);
    void put_pod(const kube::object_meta& meta, const json::object& object);
    void drop_pod(const kube::object_meta& meta);
    void put_claim(const kube::object_meta& meta, const json::object& object);
    void drop_claim(const kube::object_meta& meta);
    void put_service(const kube::object_meta& meta, const json::object& object);
    void drop_service(const kube::object_meta& meta);
    void put_binding(const kube::object_meta& meta, const json::object& object);
    void drop_binding(const kube::object_meta& meta);
    void put_event(const kube::object_meta& meta, const json::object& object);
    void put_version(const engine_kind& kind, const kube::object_meta& meta,
                     const json::object& object);
    void drop_version(const engine_kind& kind, const kube::object_meta& meta);
    void put_node(const kube::object_meta& meta, const json::object& object);
    void drop_node(const kube::object_meta& meta);

    // Notifies the observer of all pending changes now. Ends hold().
    void flush();
    // Sends no notification until flush(). Otherwise the observer would get each database several
    // times during the first lists, once per object of the database.
    void hold() { is_held_ = true; }

    // Returns the OpsRequests of the database in the cluster, regardless of who created them.
    [[nodiscard]] std::vector<request_name> requests_of(const ports::database_key& key) const;
    // Returns up to `max` finished OpsRequests of the platform that were created before the time
    // and are not being deleted.
    [[nodiscard]] std::vector<old_request> old_requests(base::instant before,
                                                        std::size_t max) const;

  private:
    struct known_request {
        std::string uid;
        bool is_own_and_finished = false;
        bool is_deleting = false;
        base::instant created_at{};
    };
    // The objects of one database.
    struct children {
        std::shared_ptr<const domain::observed_database> object;  // null: does not exist
        std::optional<base::instant> created_at;                  // of the object
        // The unfinished ones, and the latest finished ones.
        std::map<std::string, domain::observed_change> changes;
        std::map<std::string, known_request> requests;  // all
        std::map<std::string, domain::member> pods;
        std::set<std::string> claims;
        std::uint16_t metrics_port = 0;
        std::vector<domain::endpoint> endpoints;
        std::shared_ptr<const domain::observed_database> published;
    };
    struct version_set {
        std::map<std::string, ports::engine_version> by_name;
    };
    struct node_capacity {
        std::int64_t cpu_millis = 0;
        std::int64_t memory_bytes = 0;
        std::int64_t storage_bytes = 0;
    };
    // Derives the key from the labels that KubeDB sets on every object of a database.
    static std::optional<ports::database_key> key_by_labels(const kube::object_meta& meta,
                                                            const json::object& object);
    static std::optional<ports::database_key> key_of(const engine_kind& kind, const std::string& ns,
                                                     const std::string& name);
    void touch(const ports::database_key& key);
    void touch(const event_index::key_set& keys);
    // Returns the database of an object that has labels or a reference to a database.
    [[nodiscard]] std::optional<ports::database_key> owner_of(const object_reference& object) const;
    void schedule();
    void notify(const ports::database_key& key);
    void notify_catalogue();
    [[nodiscard]] std::shared_ptr<domain::observed_database> assemble(
        const ports::database_key& key, const children& entry) const;

    aio::executor executor_;
    const base::clock& clock_;
    event_index events_;
    ports::cluster_observer* observer_ = nullptr;
    std::map<ports::database_key, children> databases_;
    owned_objects pods_;
    owned_objects claims_;
    owned_objects services_;
    owned_objects bindings_;
    owned_objects changes_;  // "<kind>/<namespace>/<name>"
    std::map<std::string, version_set, std::less<>> versions_;
    std::map<std::string, node_capacity> nodes_;
    std::set<ports::database_key> dirty_;
    bool catalogue_dirty_ = false;
    bool is_scheduled_ = false;
    bool is_held_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace kubedb
