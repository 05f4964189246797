#include "kubedb/owned_object.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "domain/failure_cause.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"
#include "kubedb/names.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

const json::object& metadata_of(const json::object& object) {
    return json::object_or_empty(object, "metadata");
}

std::string_view owner_of(const json::object& object) {
    return json::text_at(json::object_or_empty(metadata_of(object), "labels"), label_database);
}

// Returns whether the server rejected the uid of a patch, because the object has another one.
bool is_about_uid(const base::failure& failure) {
    return failure.code == errc::invalid &&
           std::ranges::find(failure.fields, "/metadata/uid", &base::field_error::pointer) !=
               failure.fields.end();
}

}  // namespace

base::outcome<std::string> uid_if_owned(const json::object& present, std::string_view kind,
                                        std::string_view owner) {
    const auto& metadata = metadata_of(present);
    if (metadata.contains("deletionTimestamp")) {
        return fail(errc::conflict,
                    fmt::format("the {} of a namesake is still being deleted", kind),
                    domain::failure_cause::deleting);
    }
    if (owner_of(present) != owner) {
        return fail(
            errc::conflict,
            fmt::format("a {} '{}/{}' exists and is not this database's", kind,
                        json::text_at(metadata, "namespace"), json::text_at(metadata, "name")),
            "not_owned");
    }
    return std::string(json::text_at(metadata, "uid"));
}

aio::task<std::string> create_or_get(kube::client& client, kube::resource resource,
                                     json::object content) {
    const std::string ns(json::text_at(metadata_of(content), "namespace"));
    const std::string name(json::text_at(metadata_of(content), "name"));
    const std::string owner(owner_of(content));
    auto object = co_await client.create(resource, ns, std::move(content));
    if (!object && object.error().cause == kube::status_reason::already_exists) {
        object = co_await client.get(resource, ns, name);
        if (!object && object.error().code == errc::not_found) {  // deleted between create and get
            co_return fail(errc::conflict, "a namesake has just been deleted",
                           domain::failure_cause::deleting);
        }
    }
    if (!object) co_return base::pass(std::move(object));
    co_return uid_if_owned(*object, resource.kind, owner);
}

aio::task<> patch_by_uid(kube::client& client, kube::resource resource, object_identity identity,
                         json::object patch) {
    auto& metadata = patch["metadata"];
    if (!metadata.is_object()) metadata.emplace_object();
    metadata.get_object()["uid"] = identity.uid;
    auto patched = co_await client.patch(resource, identity.ns, identity.name,
                                         kube::patch_type::merge, std::move(patch));
    if (!patched && is_about_uid(patched.error())) {
        co_return fail(errc::precondition, "another object has the name now");
    }
    if (!patched) co_return base::pass(std::move(patched));
    co_return base::ok();
}

aio::task<domain::observed_database> read_owned(kube::client& client, observed_store& observed,
                                                const engine_dialect& dialect,
                                                kube::resource resource, domain::database record) {
    const kube::object_meta meta{.ns = namespace_of(record.project), .name = record.name};
    auto present = co_await client.get(std::move(resource), meta.ns, meta.name);
    if (!present && present.error().code == errc::not_found) {
        observed.apply_read(dialect, meta, record.object_uid, nullptr);
    }
    if (!present) co_return base::pass(std::move(present));
    auto seen = observe_database(dialect, *present);
    if (seen.uid != record.object_uid) {
        observed.apply_read(dialect, meta, record.object_uid, &*present);
        co_return fail(errc::precondition, "another object has the name now");
    }
    co_return seen;
}

}  // namespace kubedb
