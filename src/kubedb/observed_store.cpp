#include "kubedb/observed_store.hpp"

#include <algorithm>
#include <utility>

#include "base/quantity.hpp"
#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "kubedb/names.hpp"

namespace kubedb {
namespace {

std::string object_key(const kube::object_meta& meta) {
    return meta.ns + "/" + meta.name;
}

std::string_view label_at(const json::object& object, std::string_view key) {
    const auto* metadata = json::object_at(object, "metadata");
    const auto* labels = metadata == nullptr ? nullptr : json::object_at(*metadata, "labels");
    return labels == nullptr ? std::string_view() : json::text_at(*labels, key);
}

// Keeps the latest finished OpsRequests. A database may have thousands.
constexpr std::size_t finished_kept = 20;
void forget_old(std::map<std::string, domain::observed_change>& changes) {
    std::vector<std::pair<base::instant, std::string>> finished;
    for (const auto& [name, change] : changes) {
        if (change.is_terminal()) {
            finished.emplace_back(change.created_at.value_or(base::instant{}), name);
        }
    }
    if (finished.size() <= finished_kept) return;
    std::ranges::sort(finished);
    finished.resize(finished.size() - finished_kept);
    for (const auto& [created_at, name] : finished) changes.erase(name);
}

}  // namespace

std::optional<ports::database_key> observed_store::key_of(const engine_kind& kind,
                                                          const std::string& ns,
                                                          const std::string& name) {
    const auto project = project_of(ns);
    if (!project) return std::nullopt;
    return ports::database_key{*project, std::string(kind.engine), name};
}

std::optional<ports::database_key> observed_store::key_by_labels(const kube::object_meta& meta,
                                                                 const json::object& object) {
    auto plural = label_at(object, label_name);
    if (!plural.ends_with(".kubedb.com")) return std::nullopt;
    plural.remove_suffix(std::string_view(".kubedb.com").size());
    const auto* dialect = dialect_of_plural(plural);
    if (dialect == nullptr) return std::nullopt;
    return key_of(dialect->kind(), meta.ns, std::string(label_at(object, label_instance)));
}

void observed_store::touch(const ports::database_key& key) {
    dirty_.insert(key);
    schedule();
}

void observed_store::touch(const event_index::key_set& keys) {
    for (const auto& key : keys) touch(key);
}

void observed_store::schedule() {
    if (is_held_ || std::exchange(is_scheduled_, true)) return;
    aio::post(executor_, [this, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.lock() || is_held_) return;
        flush();
    });
}

void observed_store::flush() {
    is_scheduled_ = false;
    is_held_ = false;
    if (observer_ == nullptr) return;
    if (std::exchange(catalogue_dirty_, false)) notify_catalogue();
    for (const auto& key : std::exchange(dirty_, {})) notify(key);
}

std::shared_ptr<domain::observed_database> observed_store::assemble(const ports::database_key& key,
                                                                    const children& entry) const {
    auto seen = entry.object ? std::make_shared<domain::observed_database>(*entry.object)
                             : std::make_shared<domain::observed_database>();
    for (const auto& [name, pod] : entry.pods) seen->members.push_back(pod);
    for (const auto& [name, change] : entry.changes) seen->changes.push_back(change);
    seen->endpoints = entry.endpoints;
    // Events of an earlier database with this name are older than the object.
    seen->events = events_.events_of(key, entry.created_at);
    seen->metrics_port = entry.metrics_port;
    seen->has_leftovers = !entry.object && (!entry.pods.empty() || !entry.claims.empty());
    return seen;
}

void observed_store::notify(const ports::database_key& key) {
    const auto it = databases_.find(key);
    if (it == databases_.end()) return;
    auto& entry = it->second;
    auto seen = assemble(key, entry);
    if (entry.published) {
        seen->observed_at = entry.published->observed_at;
        if (*seen == *entry.published) return;
    }
    seen->observed_at = clock_.utc_now();
    entry.published = seen;
    const bool is_empty = !entry.object && entry.pods.empty() && entry.claims.empty() &&
                          entry.requests.empty() && entry.metrics_port == 0 &&
                          entry.endpoints.empty();
    if (is_empty) {
        databases_.erase(it);
        events_.remove_database(key);
    }
    observer_->on_observed(key, std::move(seen));
}

void observed_store::put_database(const engine_dialect& dialect, const kube::object_meta& meta,
                                  const json::object& object) {
    const auto key = key_of(dialect.kind(), meta.ns, meta.name);
    if (!key) return;
    auto& entry = databases_[*key];
    entry.object =
        std::make_shared<const domain::observed_database>(observe_database(dialect, object));
    entry.created_at = base::from_rfc3339(
        json::text_at(json::object_or_empty(object, "metadata"), "creationTimestamp"));
    touch(*key);
    touch(events_.add_database(*key));
}

void observed_store::drop_database(const engine_kind& kind, const kube::object_meta& meta) {
    const auto key = key_of(kind, meta.ns, meta.name);
    if (!key) return;
    auto& entry = databases_[*key];
    entry.object = nullptr;
    entry.created_at.reset();
    events_.remove_database(*key);
    touch(*key);
}

void observed_store::apply_read(const engine_dialect& dialect, const kube::object_meta& meta,
                                const std::string& expected_uid, const json::object* object) {
    const auto key = key_of(dialect.kind(), meta.ns, meta.name);
    const auto it = key ? databases_.find(*key) : databases_.end();
    if (it == databases_.end() || !it->second.object || it->second.object->uid != expected_uid) {
        return;
    }
    if (object != nullptr) {
        put_database(dialect, meta, *object);
    } else {
        drop_database(dialect.kind(), meta);
    }
    if (is_held_ || observer_ == nullptr) return;
    dirty_.erase(*key);
    notify(*key);
}

void observed_store::put_change(const engine_kind& kind, const kube::object_meta& meta,
                                const json::object& object) {
    const auto* spec = json::object_at(object, "spec");
    const auto* reference = spec == nullptr ? nullptr : json::object_at(*spec, "databaseRef");
    if (reference == nullptr) return;
    const auto key = key_of(kind, meta.ns, std::string(json::text_at(*reference, "name")));
    if (!key) return;
    auto& entry = databases_[*key];
    auto seen = observe_change(object);
    entry.requests[meta.name] = {
        .uid = meta.uid,
        .is_own_and_finished = !seen.operation_id.empty() && seen.is_terminal(),
        .is_deleting = json::object_or_empty(object, "metadata").contains("deletionTimestamp"),
        .created_at = seen.created_at.value_or(base::instant::max())};
    entry.changes[meta.name] = std::move(seen);
    forget_old(entry.changes);
    touch(*key);
    if (changes_.put(std::string(kind.kind) + "/" + object_key(meta), *key)) {
        touch(events_.set_owner({kind.ops_kind(), meta.ns, meta.name}, *key));
    }
}

void observed_store::drop_change(const engine_kind& kind, const kube::object_meta& meta) {
    const auto key = changes_.drop(std::string(kind.kind) + "/" + object_key(meta));
    if (!key) return;
    databases_[*key].changes.erase(meta.name);
    databases_[*key].requests.erase(meta.name);
    touch(*key);
}

void observed_store::put_pod(const kube::object_meta& meta, const json::object& object) {
    const auto key = key_by_labels(meta, object);
    if (!key) return;
    databases_[*key].pods[meta.name] = observe_pod(object);
    touch(*key);
    if (pods_.put(object_key(meta), *key)) {
        touch(events_.set_owner({"Pod", meta.ns, meta.name}, *key));
    }
}

void observed_store::drop_pod(const kube::object_meta& meta) {
    const auto key = pods_.drop(object_key(meta));
    if (!key) return;
    databases_[*key].pods.erase(meta.name);
    touch(*key);
}

void observed_store::put_claim(const kube::object_meta& meta, const json::object& object) {
    const auto key = key_by_labels(meta, object);
    if (!key) return;
    databases_[*key].claims.insert(meta.name);
    touch(*key);
    if (claims_.put(object_key(meta), *key)) {
        touch(events_.set_owner({"PersistentVolumeClaim", meta.ns, meta.name}, *key));
    }
}

void observed_store::drop_claim(const kube::object_meta& meta) {
    const auto key = claims_.drop(object_key(meta));
    if (!key) return;
    databases_[*key].claims.erase(meta.name);
    touch(*key);
}

void observed_store::put_service(const kube::object_meta& meta, const json::object& object) {
    const auto key = key_by_labels(meta, object);
    if (!key || meta.name != key->name + "-stats") return;
    databases_[*key].metrics_port = metrics_port(object);
    services_.put(object_key(meta), *key);
    touch(*key);
}

void observed_store::drop_service(const kube::object_meta& meta) {
    const auto key = services_.drop(object_key(meta));
    if (!key) return;
    const auto it = databases_.find(*key);
    if (it == databases_.end()) return;
    it->second.metrics_port = 0;
    touch(*key);
}

void observed_store::put_binding(const kube::object_meta& meta, const json::object& object) {
    const auto key = key_by_labels(meta, object);
    if (!key) return;
    databases_[*key].endpoints = observe_endpoints(find_dialect(key->engine)->kind(), object);
    bindings_.put(object_key(meta), *key);
    touch(*key);
}

void observed_store::drop_binding(const kube::object_meta& meta) {
    const auto key = bindings_.drop(object_key(meta));
    if (!key) return;
    const auto it = databases_.find(*key);
    if (it == databases_.end()) return;
    it->second.endpoints.clear();
    touch(*key);
}

std::optional<ports::database_key> observed_store::owner_of(const object_reference& object) const {
    const auto name = object.ns + "/" + object.name;
    if (object.kind == "Pod") return pods_.find(name);
    if (object.kind == "PersistentVolumeClaim") return claims_.find(name);
    constexpr std::string_view suffix = "OpsRequest";
    if (!object.kind.ends_with(suffix)) return std::nullopt;
    return changes_.find(object.kind.substr(0, object.kind.size() - suffix.size()) + "/" + name);
}

void observed_store::put_event(const kube::object_meta& meta, const json::object& object) {
    const auto target = involved_object(object);
    if (!project_of(target.ns)) return;
    const auto key = events_.put(target, object_key(meta), observe_event(object), owner_of(target));
    if (key) touch(*key);
}

void observed_store::put_version(const engine_kind& kind, const kube::object_meta& meta,
                                 const json::object& object) {
    versions_[std::string(kind.engine)].by_name[meta.name] = observe_version(object);
    catalogue_dirty_ = true;
    schedule();
}

void observed_store::drop_version(const engine_kind& kind, const kube::object_meta& meta) {
    versions_[std::string(kind.engine)].by_name.erase(meta.name);
    catalogue_dirty_ = true;
    schedule();
}

void observed_store::put_node(const kube::object_meta& meta, const json::object& object) {
    const auto* status = json::object_at(object, "status");
    const auto* capacity = status == nullptr ? nullptr : json::object_at(*status, "allocatable");
    if (capacity == nullptr) return;
    nodes_[meta.name] = {
        .cpu_millis = base::parse_millis(json::text_at(*capacity, "cpu")).value_or(0),
        .memory_bytes = base::parse_bytes(json::text_at(*capacity, "memory")).value_or(0),
        .storage_bytes =
            base::parse_bytes(json::text_at(*capacity, "ephemeral-storage")).value_or(0)};
    catalogue_dirty_ = true;
    schedule();
}

void observed_store::drop_node(const kube::object_meta& meta) {
    nodes_.erase(meta.name);
    catalogue_dirty_ = true;
    schedule();
}

void observed_store::notify_catalogue() {
    auto catalogue = std::make_shared<ports::catalogue>();
    for (const auto& [engine, set] : versions_) {
        if (set.by_name.empty()) continue;
        auto& list = catalogue->engines[engine];
        for (const auto& [name, version] : set.by_name) list.push_back(version);
        std::ranges::sort(list, is_newer);
    }
    for (const auto& [name, capacity] : nodes_) {
        catalogue->capacity_cpu_millis += capacity.cpu_millis;
        catalogue->capacity_memory_bytes += capacity.memory_bytes;
        // storage_bytes is not added: volumes need not be on the disks of the nodes.
    }
    observer_->on_catalogue(std::move(catalogue));
}

std::vector<request_name> observed_store::requests_of(const ports::database_key& key) const {
    std::vector<request_name> result;
    const auto it = databases_.find(key);
    if (it == databases_.end()) return result;
    for (const auto& [name, request] : it->second.requests) result.push_back({name, request.uid});
    return result;
}

std::vector<old_request> observed_store::old_requests(base::instant before, std::size_t max) const {
    std::vector<old_request> result;
    for (const auto& [key, entry] : databases_) {
        for (const auto& [name, request] : entry.requests) {
            if (!request.is_own_and_finished || request.is_deleting) continue;
            if (request.created_at >= before) continue;
            result.push_back({key.engine, key.project, {name, request.uid}});
            if (result.size() == max) return result;
        }
    }
    return result;
}

}  // namespace kubedb
