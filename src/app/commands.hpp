#pragma once
// The writes of the platform: databases and projects. All functions run on the control loop.
//
// Errors of all writes: invalid (fields name every error), not_found, conflict (reason
// "already_exists", "deletion_protected", "being_deleted", "object_not_missing", ...),
// precondition, limit (reason "quota_exceeded" or "capacity_exceeded"), unsupported
// ("engine_not_installed", "version_not_found" come as invalid with the field), unavailable (store
// or cluster; nothing was written).

#include <memory>
#include <optional>
#include <string>

#include "aio/task.hpp"
#include "app/database_view.hpp"
#include "app/seen_version.hpp"
#include "domain/operation.hpp"
#include "domain/requests.hpp"
#include "obs/trace.hpp"

namespace app {

struct caller {
    std::string subject;  // who asks: "local-admin"
    std::string request_id;
    // As given to idempotency_keys::begin_idempotent(); they are written with the operation. Empty
    // without.
    std::string idempotency_key{};
    std::string request_digest{};
    obs::trace_context trace{};  // of the span of the request
};

struct write_conditions {
    // Versions that the caller has seen; any other is errc::precondition. The incarnation decides
    // about projects alone: ids of databases are never used again.
    seen_versions if_match;
    bool dry_run = false;  // everything is checked, nothing is written
};

struct accepted {
    std::shared_ptr<const database_view> database;
    std::optional<domain::operation>
        operation;  // nothing when the patch changed nothing in the cluster, or on a dry run
};

class database_commands {
  public:
    virtual ~database_commands() = default;
    virtual aio::task<accepted> create_database(domain::create_request wanted,
                                                write_conditions conditions, caller client) = 0;
    virtual aio::task<accepted> patch_database(std::string id, domain::patch_request wanted,
                                               write_conditions conditions, caller client) = 0;
    virtual aio::task<accepted> delete_database(std::string id, write_conditions conditions,
                                                caller client) = 0;
    // Creates the cluster object again from the record, for the status failed/object_missing.
    virtual aio::task<accepted> recreate_database(std::string id, write_conditions conditions,
                                                  caller client) = 0;
};

class project_commands {
  public:
    virtual ~project_commands() = default;
    virtual aio::task<std::shared_ptr<const domain::project>> create_project(
        domain::project_request wanted, write_conditions conditions, caller client) = 0;
    virtual aio::task<std::shared_ptr<const domain::project>> patch_project(
        std::string name, domain::project_request wanted, write_conditions conditions,
        caller client) = 0;
    // Deletes a project without databases. Errors: conflict ("not_empty").
    virtual aio::task<void> delete_project(std::string name, write_conditions conditions,
                                           caller client) = 0;
};

}  // namespace app
