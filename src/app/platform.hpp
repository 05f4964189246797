#pragma once
// The platform's use cases: the calls of the api module and the listener that receives changes. All
// functions live on the control loop; the api module enters it with aio::run_on. The platform
// publishes read models to listeners as immutable snapshots. Reads therefore do not enter this
// loop.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "domain/metric.hpp"
#include "domain/observed.hpp"
#include "domain/operation.hpp"
#include "domain/requests.hpp"
#include "domain/status.hpp"
#include "ports/cluster.hpp"

namespace app {

enum class metrics_state : std::uint8_t { pending, fresh, stale, unavailable };
std::string_view name(metrics_state state) noexcept;  // "fresh", ...

// Everything cached about one database. Each change publishes a new view; a view never changes.
struct database_view {
    std::shared_ptr<const domain::database> record;
    std::shared_ptr<const domain::observed_database>
        observed;  // null until the cluster reported it
    domain::status status;
    std::shared_ptr<const domain::metrics_sample>
        sample;  // newest successful scrape; null before the first
    metrics_state metrics = metrics_state::pending;
    std::string metrics_reason;  // why not fresh: "timed_out", "not_running", ...; empty when fresh
    std::string metrics_message;  // of the failed scrape, for people; may be empty
    std::chrono::seconds metrics_interval{30};
    std::uint64_t version = 0;  // grows with every publication of any database
};

struct change {
    bool record = false;   // desired state, operations (revision moved)
    bool status = false;   // derived status or anything observed
    bool metrics = false;  // sample or its state
};

class platform_listener {
  public:
    virtual ~platform_listener() = default;
    virtual void on_database(std::shared_ptr<const database_view> view, change delta) = 0;
    virtual void on_database_deleted(std::shared_ptr<const database_view> last) = 0;
    // Receives every new state of an operation. Operations of deleted databases are kept for 7
    // days.
    virtual void on_operation(std::shared_ptr<const domain::operation> operation) = 0;
    virtual void on_operation_forgotten(const std::string& id) = 0;
    virtual void on_project(std::shared_ptr<const domain::project> project) = 0;
    virtual void on_project_deleted(const std::string& name) = 0;
    virtual void on_catalogue(std::shared_ptr<const ports::catalogue> offer) = 0;
};

struct caller {
    std::string subject;  // who asks: "local-admin"
    std::string request_id;
    // As given to begin_idempotent(); they are written with the operation. Empty without.
    std::string idempotency_key{};
    std::string request_digest{};
};

struct write_conditions {
    // Revisions that the caller has seen; any other is errc::precondition.
    std::optional<std::vector<std::int64_t>> if_match;
    bool dry_run = false;  // everything is checked, nothing is written
};

struct accepted {
    std::shared_ptr<const database_view> database;
    std::optional<domain::operation>
        operation;  // nothing when the patch changed nothing in the cluster, or on a dry run
};

struct history_request {
    std::string database_id;
    domain::metric_id metric{};
    base::instant begin{};
    base::instant end{};
    std::chrono::seconds step{30};
};

struct history_points {
    std::chrono::seconds step{30};
    std::vector<std::pair<base::instant, double>> points;  // NaN = no value in that step
};

// A response that is stored for a repeated request.
struct stored_response {
    unsigned status = 0;
    std::map<std::string, std::string> headers;  // Location, ETag, Content-Type
    std::string body;
};
inline constexpr std::chrono::hours idempotency_kept_for{24};
enum class idempotency_verdict : std::uint8_t { first, replay, in_progress, other_payload };
struct idempotency_ticket {
    idempotency_verdict verdict = idempotency_verdict::first;
    // A replay has one of both: the first response, or what it accepted if it was not stored.
    std::optional<stored_response> answer{};
    std::optional<accepted> done{};
};

class platform {
  public:
    virtual ~platform() = default;

    // Errors of all writes: invalid (fields name every error), not_found, conflict (reason
    // "already_exists", "deletion_protected", "being_deleted", "object_not_missing", ...),
    // precondition, limit (reason "quota_exceeded" or "capacity_exceeded"), unsupported
    // ("engine_not_installed", "version_not_found" come as invalid with the field), unavailable
    // (store or cluster; nothing was written).
    virtual aio::task<accepted> create_database(domain::create_request wanted,
                                                write_conditions conditions, caller client) = 0;
    virtual aio::task<accepted> patch_database(std::string id, domain::patch_request wanted,
                                               write_conditions conditions, caller client) = 0;
    virtual aio::task<accepted> delete_database(std::string id, write_conditions conditions,
                                                caller client) = 0;
    // Creates the cluster object again from the record, for the status failed/object_missing.
    virtual aio::task<accepted> recreate_database(std::string id, write_conditions conditions,
                                                  caller client) = 0;

    virtual aio::task<std::shared_ptr<const domain::project>> create_project(
        domain::project_request wanted, write_conditions conditions, caller client) = 0;
    virtual aio::task<std::shared_ptr<const domain::project>> patch_project(
        std::string name, domain::project_request wanted, write_conditions conditions,
        caller client) = 0;
    // Deletes a project without databases. Errors: conflict ("not_empty").
    virtual aio::task<void> delete_project(std::string name, write_conditions conditions,
                                           caller client) = 0;

    // Reads the credentials from the cluster. The log records each call without the value.
    virtual aio::task<ports::credentials> read_credentials(std::string id, caller client) = 0;
    // Errors: not_found, invalid (range).
    virtual aio::task<history_points> read_history(history_request request) = 0;

    // Begins a request with an Idempotency-Key. `key` includes the caller's subject; `payload` is a
    // digest of method, path and body. The record alone identifies a write with an operation for a
    // day, while the record holds the operation (docs/adr/0003).
    virtual aio::task<idempotency_ticket> begin_idempotent(std::string key,
                                                           std::string payload) = 0;
    virtual aio::task<void> finish_idempotent(std::string key, stored_response response) = 0;
    virtual aio::task<void> abandon_idempotent(
        std::string key) = 0;  // the write failed in a way that may be retried

    // Reports everything that exists to the listener at once, then every change. The listener must
    // outlive the platform.
    virtual void listen(platform_listener& listener) = 0;
};

}  // namespace app
