#pragma once
// The cluster that runs the databases, in terms of the domain. Pushes observations to one observer;
// the caller awaits writes. Adapter: kubedb (a Kubernetes cluster); fake: fakes::fake_cluster;
// contract suite: test/support/cluster_contract.hpp. Thread: the control loop; state(): any.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "base/secret.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/operation.hpp"
#include "domain/topology.hpp"

namespace ports {

// Identifies a database in the cluster, with or without a record in the platform.
struct database_key {
    std::string project;
    std::string engine;
    std::string name;
    auto operator<=>(const database_key&) const = default;
};

struct engine_version {
    std::string name;     // as in domain::database::version ("17.9", "xpack-9.1.9")
    std::string version;  // upstream ("17.9")
    bool deprecated = false;
    std::string distribution{};  // "Official", "Valkey", ...; empty if the catalogue has none
    bool operator==(const engine_version&) const = default;
};

// The engines and the capacity of the cluster. An engine without an entry is not installed.
// Immutable once published.
struct catalogue {
    std::map<std::string, std::vector<engine_version>, std::less<>>
        engines;  // newest version first
    // The total capacity for databases; 0 = unknown.
    std::int64_t capacity_cpu_millis = 0;
    std::int64_t capacity_memory_bytes = 0;
    std::int64_t capacity_storage_bytes = 0;
    bool operator==(const catalogue&) const = default;
};

enum class sync_state { starting, synced, disconnected };

class cluster_observer {
  public:
    virtual ~cluster_observer() = default;
    // Reports the newest state of one database, in order per key. Includes objects that the
    // platform did not create. `exists` is false once the object and all its children are deleted.
    // Before the first `synced`, an `exists == false` for a key that was never reported as existing
    // proves nothing, because children may be reported before their database. Thread: the control
    // loop.
    virtual void on_observed(const database_key& key,
                             std::shared_ptr<const domain::observed_database> state) = 0;
    virtual void on_catalogue(std::shared_ptr<const catalogue> offer) = 0;
    // `synced`: every existing database has been reported, so a key without a report does not
    // exist.
    virtual void on_sync_state(sync_state state) = 0;
};

struct credentials {
    std::string username;  // empty if the server has no users (Redis before 6) or no authentication
    base::secret password;  // empty without authentication
    std::string host;       // of the first server; without the brackets of IPv6
    int port = 0;
    std::string database;  // default database or index; may be empty
    base::secret uri;      // with user and password, for the client of the engine
    std::map<std::string, base::secret> environment;  // PGHOST, PGPASSWORD, ...
};

// Until the cluster has been read once, every function except ensure_project may fail with
// unavailable/"cluster_not_synced". A cluster that does not respond, or does not accept the
// platform's login, is unavailable/"cluster_unavailable". The reasons of Kubernetes do not cross
// the port. The calls of a write belong to the trace in the `traceparent` of the record's
// unfinished operation. The functions without a write have a `traceparent` (empty: no trace).
class cluster {
  public:
    cluster() = default;
    cluster(const cluster&) = delete;
    cluster& operator=(const cluster&) = delete;
    virtual ~cluster() = default;

    // Runs discovery and the watches until cancelled, and reports to `observer`. Reconnects after
    // every failure. The observer must outlive the task.
    virtual aio::task<void> run(cluster_observer& observer) = 0;

    // Creates the namespace of the project. Idempotent. Errors: conflict/"not_owned" (the namespace
    // belongs to another owner), denied, unavailable (/"deleting": the namespace is still being
    // deleted), timed_out.
    virtual aio::task<void> ensure_project(domain::project project,
                                           std::string traceparent = {}) = 0;

    // Creates the object and returns its uid. Idempotent: returns the uid of an existing object
    // that carries the id of the record. Errors: conflict/"not_owned" (the object belongs to
    // another owner), conflict/"deleting" (domain::failure_cause: an object of that name is still
    // being deleted), invalid
    // (rejected by the schema or an admission rule), denied, limit (quota),
    // unsupported/"engine_not_installed", unavailable (/"project_missing": call ensure_project
    // first), timed_out.
    virtual aio::task<std::string> create(domain::database database) = 0;

    // Writes the labels and the pause of the record to the object. Deletion protection exists only
    // in the platform. Errors: not_found, precondition (the object has another uid), invalid,
    // denied, unsupported/"engine_not_installed", unavailable, timed_out. The observer has received
    // the absence or the other object before not_found or precondition is returned, even if no
    // watch has reported it.
    virtual aio::task<void> update(domain::database database) = 0;

    // Requests one change towards the desired state of the record, for the operation
    // `operation_id`. Idempotent: the name of the OpsRequest derives from operation and kind.
    // Errors: as update, unsupported (the engine does not support the change).
    virtual aio::task<void> request_change(domain::database database, domain::change_kind kind,
                                           std::string operation_id) = 0;

    // Deletes the object with its volumes and its auth secret. Deletes only an object with the
    // object_uid of the record. If object_uid is empty, because the response to a create was lost,
    // deletes only an object that carries the id of the record. Returns true once no object, pod,
    // volume or OpsRequest of the database is left. Returns false while the deletion is in
    // progress: call again after the next observation or a few seconds. Idempotent. Errors:
    // precondition (another object has the name; nothing was changed), denied, unavailable,
    // timed_out.
    virtual aio::task<bool> remove(domain::database database) = 0;

    // Reads the credentials of the object with the uid of the record. Reads them live and never
    // stores them. Errors: conflict/"credentials_not_ready", conflict/"app_binding_invalid" (the
    // cluster does not name a usable server), unavailable (/"cluster_refused": the
    // cluster denied the platform), timed_out.
    virtual aio::task<credentials> read_credentials(domain::database database,
                                                    std::string traceparent = {}) = 0;

    [[nodiscard]] virtual sync_state state() const noexcept = 0;
};

}  // namespace ports
