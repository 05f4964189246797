#pragma once
// The place where databases run, in the domain's words. Adapter: kubedb (a Kubernetes cluster);
// fake: testing::fake_cluster; suite: test/support/cluster_contract.hpp. Observations are pushed to
// one observer; writes are awaited. Everything lives on the control loop; only state() may be asked
// from other threads.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "base/secret.hpp"
#include "domain/types.hpp"

namespace ports {

// Names a database in the cluster, whether or not the platform has a record of it.
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
    std::string distribution{};  // "Official", "Valkey", ... where the catalogue says so
    bool operator==(const engine_version&) const = default;
};

// What the cluster offers. An engine without an entry is not installed. Immutable once published.
struct catalogue {
    std::map<std::string, std::vector<engine_version>, std::less<>>
        engines;  // newest version first
    // What the cluster has in all for databases; 0 = it does not say.
    std::int64_t capacity_cpu_millis = 0;
    std::int64_t capacity_memory_bytes = 0;
    std::int64_t capacity_storage_bytes = 0;
    bool operator==(const catalogue&) const = default;
};

enum class sync_state { starting, synced, disconnected };

class cluster_observer {
  public:
    virtual ~cluster_observer() = default;
    // The newest state of one database; also for objects that the platform did not create, and with
    // exists == false once everything about it is gone. Before the first `synced` such a state says
    // nothing of a database that was not reported as existing: its parts may be reported before its
    // object. Called on the control loop, in order per key.
    virtual void on_observed(const database_key& key,
                             std::shared_ptr<const domain::observed_database> state) = 0;
    virtual void on_catalogue(std::shared_ptr<const catalogue> offer) = 0;
    // synced: every present database has been reported, so a key never reported does not exist.
    virtual void on_sync_state(sync_state state) = 0;
};

struct credentials {
    std::string username;
    base::secret password;
    std::string host;
    int port = 0;
    std::string database;  // default database or index; may be empty
    base::secret uri;      // with user and password, ready for the engine's own client
    std::map<std::string, base::secret> environment;  // PGHOST, PGPASSWORD, ...
};

// Before the cluster was read for the first time every function but ensure_project may answer
// unavailable.
class cluster {
  public:
    cluster() = default;
    cluster(const cluster&) = delete;
    cluster& operator=(const cluster&) = delete;
    virtual ~cluster() = default;

    // Runs discovery and the watches, feeding `observer`, until cancelled; reconnects by itself and
    // ends only then. The observer must outlive it.
    virtual aio::task<void> run(cluster_observer& observer) = 0;

    // Makes the project's place (namespace) exist. Idempotent. Failures: conflict/"not_owned" (it
    // exists and is not ours), denied, unavailable (/"deleting": it is still going away),
    // timed_out.
    virtual aio::task<void> ensure_project(domain::project project) = 0;

    // Creates the object and answers its uid. When it exists already and carries our id: its uid
    // (idempotent). Failures: conflict/"not_owned" (it exists and is not ours), conflict/"deleting"
    // (a namesake is still going away), invalid (refused by the schema or an admission rule),
    // denied, limit (quota), unsupported/"engine_not_installed", unavailable (/"project_missing":
    // ensure_project first), timed_out.
    virtual aio::task<std::string> create(domain::database database) = 0;

    // Brings labels and pause of the object to what the record says; deletion protection is the
    // platform's own and not in the cluster. Failures: not_found, precondition (another uid is
    // there now), invalid, denied, unsupported/"engine_not_installed", unavailable, timed_out.
    virtual aio::task<void> update(domain::database database) = 0;

    // Asks for one day-2 change towards the record's desired state, on behalf of `operation_id`.
    // Idempotent: the request's name derives from operation and kind. Failures: as update,
    // unsupported (the engine cannot).
    virtual aio::task<void> request_change(domain::database database, domain::change_kind kind,
                                           std::string operation_id) = 0;

    // Deletes the object with everything that belongs to it (volumes, auth secret), guarded by the
    // record's object_uid, or, when that is empty (the answer to a create was lost), by the
    // record's id on the object: then an object without that id is not ours and nothing is left.
    // True: looked, and no object, pod, volume or change of it is left. False: under way; call
    // again after the next observation or some seconds. Idempotent. Failures: precondition (another
    // object has the name now: nothing was touched), denied, unavailable, timed_out.
    virtual aio::task<bool> remove(domain::database database) = 0;

    // Read live, never stored, and only of the object with the record's uid. Failures: conflict
    // ("credentials_not_ready"), unavailable (/"cluster_refused": to the platform, whoever asks),
    // timed_out.
    virtual aio::task<credentials> read_credentials(domain::database database) = 0;

    [[nodiscard]] virtual sync_state state() const noexcept = 0;
};

}  // namespace ports
