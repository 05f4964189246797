#include "kubedb/database_writes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/json_text.hpp"
#include "kubedb/dependent_object.hpp"
#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observe.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;
using base::errc;
using base::fail;

ports::database_key key_of(const domain::database& record) {
    return {.project = record.project, .engine = record.engine, .name = record.name};
}

std::unexpected<base::failure> going(const std::string& project) {
    return fail(errc::unavailable,
                fmt::format("namespace '{}' is being deleted", namespace_of(project)), "deleting");
}
}  // namespace

aio::task<void> database_writes::ensure_project(domain::project project) {
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

aio::task<std::string> database_writes::create(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto place = served_.place_of(record.engine);
    if (!place) co_return std::unexpected(place.error());
    const auto& [kind, what] = *place;
    if (needs_companion(*kind, record)) {
        // The companion is created first, because KubeDB's operator waits for it.
        const auto companion = served_.companion_of(*kind);
        if (!companion) co_return std::unexpected(companion.error());
        auto ensured = co_await ensure_companion(kube_, **companion, *kind, record);
        if (!ensured) co_return not_created(std::move(ensured).error(), record);
    }
    auto made = co_await create_or_get(kube_, *what, database_manifest(*kind, record));
    if (!made) co_return not_created(std::move(made).error(), record);
    co_return made;
}

aio::task<void> database_writes::update(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto place = served_.place_of(record.engine);
    if (!place) co_return std::unexpected(place.error());
    const auto& [kind, what] = *place;
    auto seen = co_await read_owned(kube_, *kind, *what, record);
    if (!seen) co_return base::pass(std::move(seen));
    resource_pointer beside;
    if (needs_companion(*kind, record)) {
        // The companion is updated first. Only the database is watched: while it differs, both
        // writes are repeated.
        const auto companion = served_.companion_of(*kind);
        if (!companion) co_return std::unexpected(companion.error());
        beside = *companion;
        auto updated = co_await update_companion(kube_, *beside, *kind, record);
        if (!updated) co_return updated;
    }
    // The name may belong to another object since the read.
    auto patched = co_await patch_by_uid(
        kube_, *what, {namespace_of(record.project), record.name, record.object_uid},
        update_patch(*kind, record, seen->labels));
    if (patched || !beside) co_return patched;
    co_return co_await take_back_companion(kube_, *beside, *kind, record, seen->paused,
                                           std::move(patched).error(), log_);
}

aio::task<void> database_writes::request_change(domain::database record, domain::change_kind change,
                                                std::string operation_id) {
    if (!served_.is_discovered()) co_return not_discovered();
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
    // An OpsRequest names its database, so it would change any object that has the name now.
    auto seen = co_await read_owned(kube_, *kind, *database, record);
    if (!seen) co_return base::pass(std::move(seen));
    const auto manifest = ops_manifest(*kind, record, seen->topology, change, operation_id);
    if (!manifest) co_return unsupported();
    auto made = co_await kube_.create(**requests, namespace_of(record.project), *manifest);
    if (!made && made.error().reason != "AlreadyExists") co_return base::pass(std::move(made));
    co_return base::ok();
}

aio::task<bool> database_writes::remove(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto* kind = find_kind(record.engine);
    if (kind == nullptr) co_return true;  // the object was never created
    const auto what = served_.look_up("kubedb.com", kind->plural);
    if (!what) co_return std::unexpected(what.error());
    if (*what) {  // otherwise there is no object, but pods and volumes may be left
        auto present = co_await kube_.get(**what, namespace_of(record.project), record.name);
        if (present) {
            co_return co_await remove_present(*kind, *what, record, std::move(*present));
        }
        if (present.error().code != errc::not_found) co_return base::pass(std::move(present));
    }
    // Deleted for every topology, because the topology may have changed since the creation.
    const auto companion = served_.look_up("kubedb.com", kind->companion.plural);
    if (!companion) co_return std::unexpected(companion.error());
    if (*companion) {
        auto gone = co_await remove_companion(kube_, **companion, *kind, record);
        if (!gone || !*gone) co_return gone;
    }
    const auto requests = served_.look_up("ops.kubedb.com", kind->ops_plural());
    if (!requests) co_return std::unexpected(requests.error());
    co_return co_await remove_leftovers(kube_, *kind, record, *requests,
                                        observed_.requests_of(key_of(record)));
}

// Translates a failed creation into the errors of ports::cluster::create().
std::unexpected<base::failure> database_writes::not_created(base::failure why,
                                                            const domain::database& record) {
    const auto is_going = [](const base::field_error& each) {
        return each.code == "NamespaceTerminating";
    };
    if (std::ranges::any_of(why.fields, is_going)) {
        known_projects_.erase(record.project);
        return fail(errc::conflict, "the project's namespace is being deleted", "deleting");
    }
    if (why.code == errc::not_found) {
        known_projects_.erase(record.project);
        return fail(errc::unavailable, "the project's namespace is not there", "project_missing");
    }
    // Kubernetes responds with 403 to an object that exceeds a ResourceQuota.
    if (why.code == errc::denied && why.text.contains("exceeded quota")) {
        why.code = errc::limit;
    }
    return std::unexpected(std::move(why));
}
// Deletes the object that has the record's name. Returns and errors: as remove().
aio::task<bool> database_writes::remove_present(const engine_kind& kind, resource_pointer what,
                                                domain::database record, json::object present) {
    const auto seen = observe_database(kind, present);
    const bool is_ours = record.object_uid.empty() ? seen.owner_database_id == record.id
                                                   : seen.uid == record.object_uid;
    if (!is_ours && record.object_uid.empty()) co_return true;  // the platform never created it
    if (!is_ours) {
        co_return fail(errc::precondition, "another object has the name now; nothing was touched");
    }
    if (!seen.deleting) {
        auto asked = co_await delete_object(kube_, *what, kind, std::move(present));
        if (!asked) co_return base::pass(std::move(asked));
    }
    co_return false;
}

}  // namespace kubedb
