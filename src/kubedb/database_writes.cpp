#include "kubedb/database_writes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "domain/failure_cause.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"
#include "kubedb/dependent_object.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observe.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

ports::database_key key_of(const domain::database& record) {
    return {.project = record.project, .engine = record.engine, .name = record.name};
}

std::unexpected<base::failure> being_deleted(const std::string& project) {
    return fail(errc::unavailable,
                fmt::format("namespace '{}' is being deleted", namespace_of(project)),
                domain::failure_cause::deleting);
}
}  // namespace

aio::task<void> database_writes::ensure_project(domain::project project) {
    if (known_projects_->contains(project.name)) co_return base::ok();
    const kube::resource resource{
        .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
    auto created = co_await kube_.create(resource, {}, namespace_manifest(project));
    if (!created && created.error().cause == kube::status_reason::already_exists) {
        auto present = co_await kube_.get(resource, {}, namespace_of(project.name));
        if (!present && present.error().code == errc::not_found) {
            co_return being_deleted(project.name);
        }
        if (!present) co_return base::pass(std::move(present));
        const auto& metadata = json::object_or_empty(*present, "metadata");
        const auto& labels = json::object_or_empty(metadata, "labels");
        if (json::text_at(labels, label_project) != project.name) {
            co_return fail(errc::conflict,
                           fmt::format("namespace '{}' exists and is not the platform's",
                                       namespace_of(project.name)),
                           "not_owned");
        }
        if (metadata.contains("deletionTimestamp")) co_return being_deleted(project.name);
    } else if (!created) {
        co_return base::pass(std::move(created));
    }
    known_projects_->insert(project.name);
    co_return base::ok();
}

aio::task<std::string> database_writes::create(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto engine = served_.resource_of(record.engine);
    if (!engine) co_return std::unexpected(engine.error());
    const auto& [dialect, resource] = *engine;
    if (dialect->needs_dependent_object(record.topology)) {
        // The dependent object is created first, because KubeDB's operator waits for it.
        const auto dependent = served_.dependent_resource_of(dialect->kind());
        if (!dependent) co_return std::unexpected(dependent.error());
        auto ensured = co_await ensure_dependent_object(kube_, **dependent, *dialect, record);
        if (!ensured) co_return not_created(std::move(ensured).error(), record);
    }
    auto created = co_await create_or_get(kube_, *resource, database_manifest(*dialect, record));
    if (!created) co_return not_created(std::move(created).error(), record);
    co_return created;
}

aio::task<void> database_writes::update(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto engine = served_.resource_of(record.engine);
    if (!engine) co_return std::unexpected(engine.error());
    const auto& [dialect, resource] = *engine;
    auto seen = co_await read_owned(kube_, observed_, *dialect, *resource, record);
    if (!seen) co_return base::pass(std::move(seen));
    resource_pointer dependent;
    if (dialect->needs_dependent_object(record.topology)) {
        // The dependent object is updated first. Only the database is watched: while it differs,
        // both writes are repeated.
        const auto served = served_.dependent_resource_of(dialect->kind());
        if (!served) co_return std::unexpected(served.error());
        dependent = *served;
        auto updated = co_await update_dependent_object(kube_, *dependent, *dialect, record);
        if (!updated) co_return updated;
    }
    // The name may belong to another object since the read.
    auto patched = co_await patch_by_uid(
        kube_, *resource, {namespace_of(record.project), record.name, record.object_uid},
        update_patch(dialect->kind(), record, seen->labels));
    if (!patched && patched.error().code == errc::not_found) {  // deleted since the read
        observed_.apply_read(*dialect, {.ns = namespace_of(record.project), .name = record.name},
                             record.object_uid, nullptr);
    }
    if (patched || !dependent) co_return patched;
    co_return co_await revert_dependent_object(kube_, *dependent, *dialect, record, seen->paused,
                                               std::move(patched).error(), log_);
}

aio::task<void> database_writes::request_change(domain::database record, domain::change_kind change,
                                                std::string operation_id) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto engine = served_.resource_of(record.engine);
    if (!engine) co_return std::unexpected(engine.error());
    const auto& [dialect, database] = *engine;
    const auto requests = served_.look_up("ops.kubedb.com", dialect->kind().ops_plural());
    if (!requests) co_return std::unexpected(requests.error());
    const auto unsupported = [&] {
        return fail(errc::unsupported,
                    fmt::format("{} cannot be changed that way here", record.engine),
                    "change_not_supported");
    };
    if (!*requests) co_return unsupported();
    // An OpsRequest names its database, so it would change any object that has the name now.
    auto seen = co_await read_owned(kube_, observed_, *dialect, *database, record);
    if (!seen) co_return base::pass(std::move(seen));
    const auto manifest = ops_manifest(*dialect, record, seen->topology, change, operation_id);
    if (!manifest) co_return unsupported();
    auto created = co_await kube_.create(**requests, namespace_of(record.project), *manifest);
    if (!created && created.error().code == errc::not_found) {  // deleted since the read?
        auto again = co_await read_owned(kube_, observed_, *dialect, *database, record);
        if (!again) co_return base::pass(std::move(again));
    }
    if (!created && created.error().cause != kube::status_reason::already_exists) {
        co_return base::pass(std::move(created));
    }
    co_return base::ok();
}

aio::task<bool> database_writes::remove(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto* dialect = find_dialect(record.engine);
    if (dialect == nullptr) co_return true;  // the object was never created
    const auto resource = served_.look_up("kubedb.com", dialect->kind().plural);
    if (!resource) co_return std::unexpected(resource.error());
    if (*resource) {  // otherwise there is no object, but pods and volumes may be left
        auto present = co_await kube_.get(**resource, namespace_of(record.project), record.name);
        if (present) {
            co_return co_await remove_present(*dialect, *resource, record, std::move(*present));
        }
        if (present.error().code != errc::not_found) co_return base::pass(std::move(present));
    }
    // Deleted for every topology, because the topology may have changed since the creation.
    const auto dependent = served_.look_up("kubedb.com", dialect->kind().dependent.plural);
    if (!dependent) co_return std::unexpected(dependent.error());
    if (*dependent) {
        auto deleted = co_await remove_dependent_object(kube_, **dependent, *dialect, record);
        if (!deleted || !*deleted) co_return deleted;
    }
    const auto requests = served_.look_up("ops.kubedb.com", dialect->kind().ops_plural());
    if (!requests) co_return std::unexpected(requests.error());
    co_return co_await remove_leftovers(kube_, dialect->kind(), record, *requests,
                                        observed_.requests_of(key_of(record)));
}

// Translates a failed creation into the errors of ports::cluster::create().
std::unexpected<base::failure> database_writes::not_created(base::failure failure,
                                                            const domain::database& record) {
    const auto is_deleting = [](const base::field_error& error) {
        return error.code == "NamespaceTerminating";
    };
    if (std::ranges::any_of(failure.fields, is_deleting)) {
        known_projects_->erase(record.project);
        return fail(errc::conflict, "the project's namespace is being deleted",
                    domain::failure_cause::deleting);
    }
    if (failure.code == errc::not_found) {
        known_projects_->erase(record.project);
        return fail(errc::unavailable, "the project's namespace is not there", "project_missing");
    }
    // Kubernetes responds with 403 to an object that exceeds a ResourceQuota.
    if (failure.code == errc::denied && failure.text.contains("exceeded quota")) {
        failure.code = errc::limit;
    }
    return std::unexpected(std::move(failure));
}
// Deletes the object that has the record's name. Returns and errors: as remove().
aio::task<bool> database_writes::remove_present(const engine_dialect& dialect,
                                                resource_pointer resource, domain::database record,
                                                json::object present) {
    const auto seen = observe_database(dialect, present);
    const bool is_owned = record.object_uid.empty() ? seen.owner_database_id == record.id
                                                    : seen.uid == record.object_uid;
    if (!is_owned && record.object_uid.empty()) co_return true;  // the platform never created it
    if (!is_owned) {
        co_return fail(errc::precondition, "another object has the name now; nothing was touched");
    }
    if (!seen.deleting) {
        auto deleted = co_await delete_object(kube_, *resource, dialect.kind(), std::move(present));
        if (!deleted) co_return base::pass(std::move(deleted));
    }
    co_return false;
}

}  // namespace kubedb
